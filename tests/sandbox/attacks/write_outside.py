import os, sys

for path in [
    "/x",
    "/usr/x",
    "/usr/bin/x",
    "/etc/x",
    "/skill/x",
    "/skill/scripts/a.py",
    "/dev/x",
    "/dev/pts/x",
    "/proc/x",
    "/proc/sys/kernel/core_pattern",
    "/proc/sysrq-trigger",
    "/proc/sys/kernel/hostname",
    "/proc/sys/user/max_user_namespaces",
    "/proc/self/exe",
    "/usr/bin/python3",
    "/proc/sys/vm/overcommit_memory",
    "/etc/passwd",
    "/etc/ld.so.cache",
    "/proc/self/uid_map",
]:
    for flags in (os.O_WRONLY, os.O_WRONLY | os.O_CREAT):
        try:
            descriptor = os.open(path, flags)
            os.write(descriptor, b"1")
            print("ESCAPED", path)
        except OSError:
            pass
for action in (
    lambda: os.rename("/skill/scripts", "/skill/other"),
    lambda: os.chmod("/skill", 0o777),
    lambda: os.rename("/work", "/other"),
    lambda: os.symlink("/etc", "/work2"),
    lambda: os.rmdir("/tmp"),
    lambda: os.mknod("/work/disk", 0o60666, os.makedev(8, 0)),
    lambda: os.link("/usr/bin/env", "/work/e"),
    lambda: os.mknod("/work/null", 0o20666, os.makedev(1, 1)),
    lambda: os.chroot("/work"),
):
    try:
        action()
        print("ESCAPED", action.__code__.co_consts)
    except OSError:
        pass
print("tried")
