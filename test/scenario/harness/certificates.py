"""Certificates for what a scenario serves by TLS, or signs with."""


class Certificate:
    """Self-signed, for 127.0.0.1."""

    def __init__(self, world):
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
            "subjectAltName=IP:127.0.0.1",
            "-keyout",
            self.key,
            "-out",
            self.certificate,
        )
        # As containers/image wants it: a folder of authorities.
        self.authorities = world.fresh_folder("authorities")
        self.authorities.joinpath("ca.crt").write_bytes(self.certificate.read_bytes())
