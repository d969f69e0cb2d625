import glob, os, sys

secret, folder = sys.argv[1], sys.argv[2]
paths = [
    "/etc/shadow",
    "/etc/hostname",
    "/root",
    "/home",
    "/var/lib",
    "/run",
    "/sys/fs/cgroup",
    "/boot",
    folder,
]
paths += [folder + "/database.sqlite", folder + "/store", folder + "/store/sessions"]
paths += [
    "/proc/1/root" + folder,
    "/proc/self/root/.." + folder,
    "/proc/1/cwd/.." + folder,
    "/oldroot",
    "/newroot",
]
paths += [
    "/skill/../../.." + folder,
    "/dev/mem",
    "/dev/kmem",
    "/dev/kmsg",
    "/dev/sda",
    "/dev/vda",
    "/dev/fuse",
]
for path in paths:
    try:
        os.stat(path)
        found = os.listdir(path) if os.path.isdir(path) else open(path, "rb").read(100)
        print("ESCAPED", path, found)
    except OSError:
        pass
for path in glob.glob("/proc/[0-9]*/environ") + glob.glob("/proc/[0-9]*/cmdline") + ["/proc/cmdline"]:
    try:
        data = open(path, "rb").read()
    except OSError:
        continue
    if secret.encode() in data and not path.startswith("/proc/%d/" % os.getpid()) and b"bwrap" not in data:
        print("ESCAPED", path, data)
    if b"store" in data or b"CANARY" in data:
        print("ESCAPED", path, data)
if len(glob.glob("/proc/[0-9]*")) > 3:
    print("ESCAPED others' processes", glob.glob("/proc/[0-9]*"))
if any("CANARY" in name for name in os.environ):
    print("ESCAPED environment", os.environ)
print("tried")
