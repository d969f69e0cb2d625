import ctypes, glob, os, resource, signal, stat, subprocess


def attempt(name, action):
    try:
        result = action()
    except (OSError, ValueError):
        return
    if result not in (-1, None) or name.startswith("must"):
        print("ESCAPED", name, result)


libc = ctypes.CDLL(None, use_errno=True)
attempt("must not setuid", lambda: os.setuid(0))
attempt("must not setgid", lambda: os.setgid(0))
attempt("must not setresuid", lambda: os.setresuid(0, 0, 0))
attempt("must not setgroups", lambda: os.setgroups([0]))
for name in ("CPU", "NOFILE", "FSIZE", "NPROC", "AS", "CORE", "MEMLOCK", "NICE", "RTPRIO"):
    kind = getattr(resource, "RLIMIT_" + name, 13 if name == "NICE" else 14)
    if resource.getrlimit(kind)[1] != resource.RLIM_INFINITY:
        attempt("must not raise " + name, lambda: resource.setrlimit(kind, (resource.RLIM_INFINITY,) * 2))
attempt("must not be nicer", lambda: os.setpriority(os.PRIO_PROCESS, 0, -5))
attempt("must not be realtime", lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)))
attempt("ptrace", lambda: libc.ptrace(16, 1, 0, 0))
attempt("must not read memory", lambda: open("/proc/1/mem", "rb").read(1))
attempt("dmesg", lambda: libc.klogctl(3, ctypes.create_string_buffer(100), 100))
attempt("mount", lambda: libc.mount(b"none", b"/work", b"tmpfs", 0, None))
attempt("remount", lambda: libc.mount(None, b"/usr", None, 32 | 4096, None))
attempt("umount", lambda: libc.umount2(b"/skill", 2))
for path in glob.glob("/usr/bin/*"):
    if os.stat(path).st_mode & stat.S_ISUID and os.path.basename(path) in ("mount", "umount", "newgrp", "su"):
        run = subprocess.run([path, "-c", "id -u"], capture_output=True, stdin=subprocess.DEVNULL)
        if run.stdout.strip() == b"0":
            print("ESCAPED setuid", path)
status = open("/proc/self/status").read()
for line in (
    "NoNewPrivs:\t1",
    "Seccomp:\t2",
    "CapEff:\t0000000000000000",
    "CapBnd:\t0000000000000000",
    "CapPrm:\t0000000000000000",
    "CapAmb:\t0000000000000000",
):
    if line not in status:
        print("ESCAPED", line, status)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
for target in (1, os.getppid()):
    attempt("stop %d" % target, lambda: os.kill(target, signal.SIGSTOP))
print("tried", flush=True)
for target in (1, os.getppid(), -1):
    attempt("kill", lambda: os.kill(target, signal.SIGKILL))
