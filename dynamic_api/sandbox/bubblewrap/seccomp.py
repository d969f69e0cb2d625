"""The system calls that a script may make: a list of what is allowed; the rest does not exist (ENOSYS).

What is left out on purpose, beside what needs rights: user namespaces and mounts, ptrace, keyrings, bpf,
perf, io_uring, userfaultfd, inotify (counted over all sessions), and memory that no rlimit counts (memfd,
System V). ioctl is open: no terminal of the host is among the descriptors, and a new session has none.
"""

from __future__ import annotations

import errno
import os
import socket
import tempfile

import pyseccomp

_ALLOWED = """
accept accept4 access alarm arch_prctl bind brk capget chdir chmod chown clock_getres clock_gettime
clock_nanosleep close close_range connect copy_file_range creat dup dup2 dup3 epoll_create epoll_create1
epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd eventfd2 execve
execveat exit exit_group faccessat faccessat2 fadvise64 fallocate fchdir fchmod fchmodat fchown fchownat
fcntl fdatasync fgetxattr flistxattr flock fork fstat fstatfs fsync ftruncate futex futex_waitv futimesat
get_robust_list get_thread_area getcpu getcwd getdents getdents64 getegid geteuid getgid getgroups
getitimer getpeername getpgid getpgrp getpid getppid getpriority getrandom getresgid getresuid getrlimit
getrusage getsid getsockname getsockopt gettid gettimeofday getuid getxattr ioctl kill lchown lgetxattr
link linkat listen listxattr llistxattr lseek lstat madvise membarrier mincore mkdir mkdirat mknod mknodat
mlock mlock2 mlockall mmap mprotect mremap msync munlock munlockall munmap nanosleep newfstatat
open openat openat2
pause pidfd_open pidfd_send_signal pipe pipe2 pkey_alloc pkey_free pkey_mprotect poll ppoll prctl pread64
preadv preadv2 prlimit64 pselect6 pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv
recvfrom recvmmsg recvmsg rename renameat renameat2 restart_syscall rmdir rseq rt_sigaction rt_sigpending
rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo
sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr sched_getparam
sched_getscheduler sched_rr_get_interval sched_setaffinity sched_yield select sendfile sendmmsg sendmsg
sendto set_robust_list set_thread_area set_tid_address setfsgid setfsuid setgid setgroups setitimer
setpgid setpriority setregid setresgid setresuid setreuid setrlimit setsid setuid shutdown
sigaltstack splice stat statfs statx symlink symlinkat sync sync_file_range syncfs sysinfo tee tgkill time
timer_create timer_delete timer_getoverrun timer_gettime timer_settime timerfd_create timerfd_gettime
timerfd_settime times tkill truncate umask uname unlink unlinkat utime utimensat utimes vfork wait4 waitid
write writev
""".split()  # noqa: SIM905 - one name a line would be pages
_NAMESPACES = 0x7E020080
"""CLONE_NEW* of clone(2): cgroup, uts, ipc, user, pid, net, mount, time."""
_SOCKET_TYPE = 0xFFFFFFFF & ~(socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
_OPTIONS = {
    socket.SOL_SOCKET: (
        *(socket.SO_REUSEADDR, socket.SO_KEEPALIVE, socket.SO_LINGER, socket.SO_OOBINLINE),
        *(socket.SO_REUSEPORT, socket.SO_PASSCRED, socket.SO_RCVTIMEO, socket.SO_SNDTIMEO),
    ),
    socket.IPPROTO_IP: (socket.IP_TOS, socket.IP_TTL),
    socket.IPPROTO_TCP: (
        *(socket.TCP_NODELAY, socket.TCP_CORK, socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL),
        *(socket.TCP_KEEPCNT, socket.TCP_DEFER_ACCEPT, socket.TCP_QUICKACK, socket.TCP_USER_TIMEOUT),
    ),
}
_ARGUMENT_32 = 0xFFFFFFFF


def compile_filter(*, network: bool) -> bytes:
    """The filter as bubblewrap reads it. Raises OSError where libseccomp or the kernel lacks something."""
    rules = pyseccomp.SyscallFilter(pyseccomp.ERRNO(errno.ENOSYS))
    rules.set_attr(pyseccomp.Attr.CTL_OPTIMIZE, 2)
    for name in _ALLOWED:
        if _exists(name):
            rules.add_rule(pyseccomp.ALLOW, name)
    rules.add_rule(
        pyseccomp.ALLOW, "clone", pyseccomp.Arg(_flags_argument(), pyseccomp.MASKED_EQ, _NAMESPACES, 0)
    )
    _allow_personality(rules)
    rules.add_rule(pyseccomp.ALLOW, "socket", pyseccomp.Arg(0, pyseccomp.EQ, int(socket.AF_UNIX)))
    if network:
        _allow_tcp(rules)
    else:
        rules.add_rule(pyseccomp.ALLOW, "setsockopt")
    rules.add_rule(pyseccomp.ALLOW, "socketpair", pyseccomp.Arg(0, pyseccomp.EQ, 1))
    with tempfile.TemporaryFile() as file:
        rules.export_bpf(file)
        size = os.fstat(file.fileno()).st_size
        return os.pread(file.fileno(), size, 0)


def _allow_tcp(rules: pyseccomp.SyscallFilter) -> None:
    """TCP over IPv4 and the usual options of it: no larger buffers, no other protocol put on top (kTLS)."""
    for protocol in (0, socket.IPPROTO_TCP):
        rules.add_rule(
            pyseccomp.ALLOW,
            "socket",
            pyseccomp.Arg(0, pyseccomp.EQ, int(socket.AF_INET)),
            pyseccomp.Arg(1, pyseccomp.MASKED_EQ, _SOCKET_TYPE, int(socket.SOCK_STREAM)),
            pyseccomp.Arg(2, pyseccomp.EQ, protocol),
        )
    for level, options in _OPTIONS.items():
        for option in options:
            rules.add_rule(
                pyseccomp.ALLOW,
                "setsockopt",
                pyseccomp.Arg(1, pyseccomp.EQ, level),
                pyseccomp.Arg(2, pyseccomp.EQ, option),
            )


def _exists(name: str) -> bool:
    """Whether this architecture has the call: aarch64 has no open, fork or poll."""
    try:
        number = pyseccomp.resolve_syscall(pyseccomp.system_arch(), name)
    except (OSError, ValueError):
        return False
    return isinstance(number, int) and number >= 0


def _flags_argument() -> int:
    return 1 if os.uname().machine == "s390x" else 0


def _allow_personality(rules: pyseccomp.SyscallFilter) -> None:
    """Only asking, and Linux as it is: no return to layouts without randomness."""
    for value in (0, _ARGUMENT_32):
        rules.add_rule(pyseccomp.ALLOW, "personality", pyseccomp.Arg(0, pyseccomp.EQ, value))
