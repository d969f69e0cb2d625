import socket, sys

port, path, abstract = int(sys.argv[1]), sys.argv[2], sys.argv[3]


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
            if family != socket.AF_UNIX:
                print("ESCAPED family", family)
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
