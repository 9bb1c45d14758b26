"""tls.py - certificates for the server under test, and what of OpenSSL Python does not show.

Python's ssl has no exporter (RFC 5705), which channel binding by tls-exporter needs. It is called in
the libssl that Python has loaded already.
"""
import ctypes
import hashlib
import os
import socket
import ssl
import subprocess

EXPORTER_LABEL = b"EXPORTER-Channel-Binding"


def make_certificate(domain, certificate, key, days=30):
    """A self-signed ECDSA certificate for one domain; clients take it as their trust anchor."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-days", str(days), "-subj", f"/CN={domain}", "-addext", f"subjectAltName=DNS:{domain}",
         "-keyout", key, "-out", certificate],
        check=True, capture_output=True)


def make_authority(certificate, key, name="Users", days=30):
    """Somebody who issues certificates to users; as doc/admin.md says it is done."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-days", str(days), "-subj", f"/CN={name}", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
         "-keyout", key, "-out", certificate],
        check=True, capture_output=True)


def make_client_certificate(authority, path, jids, more=(), days=30):
    """Paths of a certificate for these JIDs and its key; `more` are other names, as "email:x@y"."""
    names = [f"otherName:1.3.6.1.5.5.7.8.5;UTF8:{jid}" for jid in jids] + list(more)
    with open(path + ".ext", "w", encoding="utf-8") as file:
        file.write("basicConstraints = critical, CA:FALSE\nextendedKeyUsage = clientAuth\n"
                   f"subjectAltName = {','.join(names)}\n")
    subprocess.run(
        ["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-subj", "/CN=A user", "-keyout", path + ".key", "-out", path + ".csr"],
        check=True, capture_output=True)
    subprocess.run(
        ["openssl", "x509", "-req", "-in", path + ".csr", "-CA", authority[0], "-CAkey", authority[1],
         "-days", str(days), "-extfile", path + ".ext", "-out", path + ".pem"],
        check=True, capture_output=True)
    return path + ".pem", path + ".key"


def make_server_certificate(authority, path, names, days=30, usage="serverAuth", signed=True):
    """Paths of a certificate for these names and its key; its issuer stands behind it. `days` may be
    negative: it has expired then. Each has a subject of its own: OpenSSL finds issuers by it."""
    with open(path + ".ext", "w", encoding="utf-8") as file:
        file.write(f"basicConstraints = critical, CA:FALSE\nextendedKeyUsage = {usage}\n"
                   f"subjectAltName = {','.join(names)}\n")
    subprocess.run(
        ["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-subj", f"/CN={os.path.basename(path)}", "-keyout", path + ".key", "-out", path + ".csr"],
        check=True, capture_output=True)
    issuer = ["-CA", authority[0], "-CAkey", authority[1]] if signed else ["-signkey", path + ".key"]
    subprocess.run(
        ["openssl", "x509", "-req", "-in", path + ".csr", *issuer, "-days", str(days), "-extfile",
         path + ".ext", "-out", path + ".pem"],
        check=True, capture_output=True)
    if signed:
        with open(path + ".pem", "a", encoding="utf-8") as leaf, open(authority[0], encoding="utf-8") as root:
            leaf.write(root.read())
    return path + ".pem", path + ".key"


def revoke(authority, directory, certificate):
    """Path of a list by which the authority takes back one of its certificates."""
    os.makedirs(directory)
    path = os.path.join(directory, "ca.conf")
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"[ca]\ndefault_ca = users\n[users]\ndatabase = {directory}/revoked.txt\n"
                   f"certificate = {authority[0]}\nprivate_key = {authority[1]}\n"
                   "default_md = sha256\ndefault_crl_days = 30\n")
    open(os.path.join(directory, "revoked.txt"), "w", encoding="utf-8").close()
    made = os.path.join(directory, "revoked.crl")
    for order in (["-revoke", certificate], ["-gencrl", "-out", made]):
        subprocess.run(["openssl", "ca", "-config", path, *order], check=True, capture_output=True)
    return made


def client_context(certificates, *, version=None, alpn=None, identity=None):
    """A verifying context; `version` is "1.2" or "1.3" to allow only that one. `identity`: paths of a
    certificate and its key, to be shown to who asks."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for certificate in certificates:
        context.load_verify_locations(certificate)
    if version is not None:
        only = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}[version]
        context.minimum_version = context.maximum_version = only
    if alpn:
        context.set_alpn_protocols([alpn])
    if identity:
        context.load_cert_chain(*identity)
    return context


def _handle(sock):
    """The SSL * of a socket. _ssl._SSLSocket: the object's header, a weak reference, then that."""
    address = id(sock._sslobj) + object.__basicsize__ + ctypes.sizeof(ctypes.c_void_p)
    return ctypes.c_void_p.from_address(address)


def renegotiate(sock):
    """Asks for a new handshake (TLS 1.2), and returns the bytes of the answer up to the end.

    libssl must not see the answer, to which it would answer in turn: it is given nothing to read.
    """
    library, crypto = ctypes.CDLL("libssl.so.3"), ctypes.CDLL("libcrypto.so.3")
    crypto.BIO_s_mem.restype = crypto.BIO_new.restype = ctypes.c_void_p
    handle = _handle(sock)
    if library.SSL_renegotiate(handle) != 1:
        raise ValueError("no renegotiation here")
    library.SSL_set0_rbio(handle, ctypes.c_void_p(crypto.BIO_new(ctypes.c_void_p(crypto.BIO_s_mem()))))
    library.SSL_do_handshake(handle)
    answer = b""
    while data := socket.socket.recv(sock, 4096):
        answer += data
    return answer


def _export(sock):
    """RFC 9266: 32 bytes, with a context of zero length."""
    library = ctypes.CDLL("libssl.so.3")
    export = library.SSL_export_keying_material
    export.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p,
                       ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int]
    out = ctypes.create_string_buffer(32)
    if export(_handle(sock), out, 32, EXPORTER_LABEL, len(EXPORTER_LABEL), b"", 0, 1) != 1:
        raise ValueError("no keying material")
    return out.raw


def channel_binding(sock, kind):
    """The channel binding data of a TLS socket: tls-exporter, tls-server-end-point, tls-unique."""
    if kind == "tls-exporter":
        return _export(sock)
    if kind == "tls-server-end-point":
        # Our certificates are signed with SHA-256 (RFC 5929 section 4.1).
        return hashlib.sha256(sock.getpeercert(binary_form=True)).digest()
    return sock.get_channel_binding(kind)
