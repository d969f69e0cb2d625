import ctypes, os, sys

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
page = ctypes.create_string_buffer(4096)
for row in sys.argv[1:]:
    name, number = row.split("=")
    for arguments in (
        (0, 0, 0, 0, 0),
        (page, page, page, 0, 0),
        (0x10000000, page, 0, 0, 0),
        (1, page, 8, 0, 0),
    ):
        child = os.fork()
        if child == 0:
            result = libc.syscall(int(number), *arguments)
            os._exit(0 if result == -1 else 1)
        if os.waitpid(child, 0)[1] == 256:
            print("ESCAPED", name, arguments)
for flags in (0x10000000, 0x20000000, 0x00020000, 0x40000000, 0x08000000, 0x04000000, 0x02000000, 0x80):
    if libc.unshare(flags) == 0:
        print("ESCAPED unshare", hex(flags))
    if libc.syscall(56 if os.uname().machine == "x86_64" else 220, flags | 17, 0, 0, 0, 0) != -1:
        print("ESCAPED clone", hex(flags))
        os._exit(1)
print("tried")
