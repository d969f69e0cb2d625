import errno, socket, sys

port, path, abstract, tcp = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4] == "tcp"


def attempt(name, family, kind, address):
    try:
        with socket.socket(family, kind) as own:
            own.settimeout(1)
            if kind == socket.SOCK_DGRAM and family != socket.AF_UNIX:
                own.sendto(b"x", address)
            else:
                own.connect(address)
            print("ESCAPED", name)
    except OSError:
        pass


attempt("IPv4 loopback", socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", port))
attempt("IPv4 outside", socket.AF_INET, socket.SOCK_STREAM, ("192.0.2.1", 80))
attempt("metadata service", socket.AF_INET, socket.SOCK_STREAM, ("169.254.169.254", 80))
attempt("UDP", socket.AF_INET, socket.SOCK_DGRAM, ("192.0.2.1", 53))
attempt("IPv6 loopback", socket.AF_INET6, socket.SOCK_STREAM, ("::1", port))
attempt("IPv6 outside", socket.AF_INET6, socket.SOCK_STREAM, ("2001:db8::1", 80))
attempt("unix socket", socket.AF_UNIX, socket.SOCK_STREAM, path)
attempt("abstract socket", socket.AF_UNIX, socket.SOCK_STREAM, "\0" + abstract)
for family in range(1, 46):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET):
        try:
            socket.socket(family, kind).close()
            if family != socket.AF_UNIX and not (tcp and (family, kind) == (socket.AF_INET, socket.SOCK_STREAM)):
                print("ESCAPED family", family)
        except OSError:
            pass
for protocol in (socket.IPPROTO_UDP, 132, 262):  # SCTP, MPTCP
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, protocol).close()
        print("ESCAPED protocol", protocol)
    except OSError:
        pass
if tcp:
    with socket.socket() as own:
        for name, level, option in (
            ("TCP_ULP", socket.IPPROTO_TCP, 31),
            ("SO_RCVBUF", socket.SOL_SOCKET, socket.SO_RCVBUF),
            ("SO_SNDBUF", socket.SOL_SOCKET, socket.SO_SNDBUF),
            ("SO_ATTACH_FILTER", socket.SOL_SOCKET, 26),
            ("IPT_SO_SET_REPLACE", socket.IPPROTO_IP, 64),
        ):
            try:
                own.setsockopt(level, option, bytes(64))
                print("ESCAPED option", name)
            except OSError as error:
                if error.errno != errno.ENOSYS:
                    print("ESCAPED filter", name, error)
        try:
            own.bind(("127.0.0.1", 3128))
            print("ESCAPED door")
        except OSError:
            pass
    try:
        open("/proc/sys/net/ipv4/tcp_rmem", "w").write("4096 6000000 6000000")
        print("ESCAPED sysctl")
    except OSError:
        pass
try:
    print("ESCAPED", socket.getaddrinfo("example.com", 80))
except OSError:
    pass
one, other = socket.socketpair()
one.sendall(b"works")
assert other.recv(5) == b"works"
print("tried")
