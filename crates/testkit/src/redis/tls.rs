//! Certificates for a server on loopback.

use std::{
    io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{error::ServerError, program};

/// What a client's verifier asks of a server's certificate; an authority's own is refused by rustls.
const EXTENSIONS: &str = "subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n";

/// An authority, a request, and the certificate.
const OPENSSL: [&str; 3] = [
    "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=gatewayz-testkit -keyout ca.key -out ca.pem",
    "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost -keyout server.key -out server.csr",
    "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile server.ext -out server.pem",
];

/// The files that a TLS server needs, in PEM.
#[derive(Clone, Debug)]
pub struct Tls {
    /// The authority that clients must trust.
    pub ca: PathBuf,
    /// The server's certificate.
    pub cert: PathBuf,
    /// The server's private key.
    pub key: PathBuf,
}

impl Tls {
    /// Makes an authority and a certificate for `localhost` and `127.0.0.1` in `dir`, with the `openssl` program.
    ///
    /// Blocks for some tens of milliseconds.
    ///
    /// # Errors
    ///
    /// Returns [`ServerError::ToolNotFound`] when `openssl` is not installed, and [`ServerError::Io`] when it fails, which
    /// means that `dir` cannot be written.
    pub fn self_signed(dir: &Path) -> Result<Self, ServerError> {
        let openssl = program::find("openssl").ok_or(ServerError::ToolNotFound { program: "openssl" })?;
        std::fs::write(dir.join("server.ext"), EXTENSIONS)
            .map_err(ServerError::io("write the certificate's extensions"))?;
        for args in OPENSSL {
            let done = Command::new(&openssl)
                .args(args.split_ascii_whitespace())
                .current_dir(dir)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
            done.and_then(|status| {
                if status.success() {
                    Ok(())
                } else {
                    Err(io::Error::other(status.to_string()))
                }
            })
            .map_err(ServerError::io("make a certificate with openssl"))?;
        }
        Ok(Self {
            ca: dir.join("ca.pem"),
            cert: dir.join("server.pem"),
            key: dir.join("server.key"),
        })
    }
}
