//! A private Redis for the examples and for measurements.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::process;
use crate::report::{Failure, Stopwatch};
use crate::tools;

const START_LIMIT: Duration = Duration::from_secs(10);
const ANSWER_LIMIT: Duration = Duration::from_secs(1);

/// A port that was free can be taken before the server has it.
const TRIES: usize = 5;

/// A server on a port of its own, with a folder of its own, on loopback only. Dropping it ends both.
#[derive(Debug)]
pub(crate) struct PrivateRedis {
    child: Child,
    folder: PathBuf,
    address: SocketAddr,
}

impl PrivateRedis {
    /// Starts a server and waits until it answers.
    ///
    /// # Errors
    ///
    /// Returns a failure when there is no server program or it does not come up.
    pub(crate) fn start() -> Result<Self, Failure> {
        let server = tools::redis_server()?;
        for try_idx in 0..TRIES {
            let folder = std::env::temp_dir().join(format!("xtask-redis-{}-{try_idx}", std::process::id()));
            let mut redis = Self::spawn(&server, folder).map_err(|error| Failure::new(format!("redis: {error}")))?;
            if redis.comes_up() {
                return Ok(redis);
            }
        }
        Err(Failure::new(format!("{} does not come up", server.display())))
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Kills the server: its clients see their connections reset, and then nobody at the port.
    pub(crate) fn kill(&mut self) {
        process::stop(&mut self.child);
    }

    /// Starts the server again on the same port, with nothing in it, and waits until it answers.
    ///
    /// # Errors
    ///
    /// Returns a failure when it does not come up.
    pub(crate) fn restart(&mut self) -> Result<(), Failure> {
        let server = tools::redis_server()?;
        self.kill();
        self.child = start_server(&server, &self.folder, self.address)
            .map_err(|error| Failure::new(format!("redis: {error}")))?;
        if self.comes_up() {
            Ok(())
        } else {
            Err(Failure::new(format!(
                "redis does not come up again at {}",
                self.address
            )))
        }
    }

    fn spawn(server: &Path, folder: PathBuf) -> std::io::Result<Self> {
        std::fs::create_dir_all(&folder)?;
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let child = start_server(server, &folder, address)?;
        Ok(Self { child, folder, address })
    }

    /// Returns whether the server answers in time.
    fn comes_up(&mut self) -> bool {
        let watch = Stopwatch::start();
        while watch.read() < START_LIMIT {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return false;
            }
            if self.answers().unwrap_or(false) {
                return true;
            }
            process::pause();
        }
        false
    }

    /// Returns whether the process behind the port is this one: another may have taken it.
    fn answers(&self) -> std::io::Result<bool> {
        let mut stream = TcpStream::connect_timeout(&self.address, ANSWER_LIMIT)?;
        stream.set_read_timeout(Some(ANSWER_LIMIT))?;
        stream.write_all(b"INFO server\r\nQUIT\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer
            .lines()
            .any(|line| line == format!("process_id:{}", self.child.id())))
    }
}

fn start_server(server: &Path, folder: &Path, address: SocketAddr) -> std::io::Result<Child> {
    Command::new(server)
        .args(["--bind", "127.0.0.1", "--port", &address.port().to_string()])
        .args(["--save", "", "--appendonly", "no", "--daemonize", "no", "--dir"])
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
}

impl Drop for PrivateRedis {
    fn drop(&mut self) {
        process::stop(&mut self.child);
        std::fs::remove_dir_all(&self.folder).ok();
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::PrivateRedis;

    #[test]
    fn a_server_comes_back_at_its_port() {
        let mut redis = PrivateRedis::start().unwrap();
        let address = redis.address;
        redis.kill();
        assert!(TcpStream::connect(address).is_err());
        redis.restart().unwrap();
        assert!(redis.answers().unwrap());
    }

    #[test]
    fn a_private_server_comes_and_goes() {
        let redis = PrivateRedis::start().unwrap();
        let (address, folder) = (redis.address, redis.folder.clone());
        assert_eq!(redis.url(), format!("redis://{address}"));
        assert!(address.ip().is_loopback());
        assert!(redis.answers().unwrap());
        drop(redis);
        assert!(TcpStream::connect(address).is_err());
        assert!(!folder.exists());
    }
}
