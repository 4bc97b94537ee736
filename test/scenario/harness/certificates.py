"""Certificates for what a scenario serves by TLS, or signs with."""


class Certificate:
    """Self-signed, for an address."""

    def __init__(self, world, address="127.0.0.1"):
        folder = world.fresh_folder("certificate")
        self.key, self.certificate = folder / "key.pem", folder / "certificate.pem"
        world.run(
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=scenario",
            "-addext",
            f"subjectAltName=IP:{address}",
            "-keyout",
            self.key,
            "-out",
            self.certificate,
        )
        # As containers/image wants it: a folder of authorities.
        self.authorities = world.fresh_folder("authorities")
        self.authorities.joinpath("ca.crt").write_bytes(self.certificate.read_bytes())


class ExpiredCertificate:
    """Self-signed, for 127.0.0.1, and over since 2020."""

    def __init__(self, world):
        folder = world.fresh_folder("expired")
        self.key, self.certificate = folder / "key.pem", folder / "certificate.pem"
        request, config = folder / "request.pem", folder / "ca.conf"
        subject = ["-subj", "/CN=scenario", "-addext", "subjectAltName=IP:127.0.0.1"]
        new = ["openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", self.key, *subject]
        world.run(*new, "-out", request)
        config.write_text(
            f"""[ca]
default_ca = own
[own]
database = {folder}/index
new_certs_dir = {folder}
rand_serial = yes
default_md = sha256
policy = any
copy_extensions = copy
[any]
commonName = supplied
"""
        )
        (folder / "index").touch()
        sign = ["openssl", "ca", "-batch", "-notext", "-config", config, "-selfsign", "-keyfile", self.key]
        world.run(
            *sign,
            *("-startdate", "20200101000000Z", "-enddate", "20200102000000Z"),
            *("-in", request, "-out", self.certificate),
        )
