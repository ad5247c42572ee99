//! The servers that the gateway is held against, each with the gateway's own bytes.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::client::{self, Answer};
use super::server::{Scratch, Server};
use crate::report::Failure;

/// Starts bare hyper with the body and the headers of the answer.
///
/// # Errors
///
/// Returns a failure when it does not come up, or answers with something else.
pub(crate) fn bare(program: &Path, scratch: &Scratch, path: &str, answer: &Answer) -> Result<Server, Failure> {
    let body = scratch.write("bare/body", &answer.body)?;
    let headers = scratch.write("bare/headers", answer.headers_to_copy().as_bytes())?;
    let server = Server::start("bare hyper", scratch.path(), path, |address| {
        let mut command = Command::new(program);
        command
            .args(["--port", &address.port().to_string(), "--body"])
            .arg(&body)
            .arg("--headers")
            .arg(&headers);
        Ok(command)
    })?;
    same_bytes("bare hyper", server.address(), path, answer)?;
    Ok(server)
}

/// Starts nginx with the body as a static file, under the path of the gateway.
///
/// # Errors
///
/// Returns a failure when it does not come up, or answers with something else.
pub(crate) fn nginx(program: &Path, scratch: &Scratch, path: &str, answer: &Answer) -> Result<Server, Failure> {
    let file = path.split('?').next().unwrap_or(path);
    scratch.write(&format!("nginx/html{file}"), &answer.body)?;
    scratch.write("nginx/logs/error.log", b"")?;
    let prefix = scratch.path().join("nginx");
    let server = Server::start("nginx", scratch.path(), path, |address| {
        let conf = scratch.write("nginx/nginx.conf", nginx_conf(&prefix, address).as_bytes())?;
        let mut command = Command::new(program);
        command
            .arg("-p")
            .arg(&prefix)
            .args(["-e", "logs/error.log", "-c"])
            .arg(conf);
        Ok(command)
    })?;
    same_bytes("nginx", server.address(), path, answer)?;
    Ok(server)
}

/// Everything stays below the prefix, and files are kept open: the best that nginx can do with a static file.
fn nginx_conf(prefix: &Path, address: SocketAddr) -> String {
    let temp: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|kind| format!("  {kind}_temp_path {}/temp_{kind};\n", prefix.display()))
        .collect();
    format!(
        "daemon off;\nworker_processes 2;\nworker_rlimit_nofile 4096;\npid nginx.pid;\n\
         events {{ worker_connections 2048; }}\n\
         http {{\n{temp}  access_log off;\n  sendfile on;\n  tcp_nopush on;\n  tcp_nodelay on;\n  \
         keepalive_requests 1000000000;\n  keepalive_timeout 1h;\n  open_file_cache max=16 inactive=1h;\n  \
         open_file_cache_valid 1h;\n  types {{ }}\n  default_type application/json;\n  \
         server {{ listen {address} backlog=4096; root {}/html; }}\n}}\n",
        prefix.display()
    )
}

/// Starts Varnish in front of nginx, and makes sure that it answers from its cache.
///
/// # Errors
///
/// Returns a failure when it does not come up, answers with something else, or does not cache.
pub(crate) fn varnish(
    program: &Path,
    scratch: &Scratch,
    backend: SocketAddr,
    path: &str,
    answer: &Answer,
) -> Result<Server, Failure> {
    let vcl = scratch.write("varnish/cache.vcl", vcl(backend).as_bytes())?;
    let state = scratch.path().join("varnish/state");
    let server = Server::start("Varnish", scratch.path(), path, |address| {
        let mut command = Command::new(program);
        command
            .args([
                "-j",
                "none",
                "-F",
                "-T",
                "none",
                "-a",
                &address.to_string(),
                "-s",
                "malloc,64m",
            ])
            .arg("-n")
            .arg(&state)
            .arg("-f")
            .arg(&vcl);
        Ok(command)
    })?;
    same_bytes("Varnish", server.address(), path, answer)?;
    let second = client::get(server.address(), path, &[])
        .map_err(|error| Failure::new(format!("Varnish does not answer: {error}")))?;
    if is_hit(&second) {
        Ok(server)
    } else {
        Err(Failure::new("Varnish does not answer from its cache"))
    }
}

fn vcl(backend: SocketAddr) -> String {
    format!(
        "vcl 4.1;\nbackend default {{ .host = \"{}\"; .port = \"{}\"; }}\n\
         sub vcl_recv {{ return (hash); }}\n\
         sub vcl_backend_response {{ set beresp.ttl = 1d; set beresp.grace = 1d; return (deliver); }}\n",
        backend.ip(),
        backend.port()
    )
}

/// A hit has two numbers in `X-Varnish`: its own, and that of the request that filled the cache.
fn is_hit(answer: &Answer) -> bool {
    let numbers = answer
        .header("x-varnish")
        .map_or(0, |ids| ids.split_whitespace().count());
    numbers == 2 && answer.header("age").is_some()
}

fn same_bytes(name: &str, address: SocketAddr, path: &str, expected: &Answer) -> Result<(), Failure> {
    let answer = client::get(address, path, &[]).map_err(|error| Failure::new(format!("{name}: {error}")))?;
    if answer.status == 200 && answer.body == expected.body {
        Ok(())
    } else {
        Err(Failure::new(format!(
            "{name} answers {} with {} bytes where the gateway has {}",
            answer.status,
            answer.body.len(),
            expected.body.len()
        )))
    }
}

/// Returns the first line that the program prints about its version, on whichever output.
pub(crate) fn version(program: &Path, flag: &str) -> String {
    let Ok(output) = Command::new(program).arg(flag).output() else {
        return "?".to_owned();
    };
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    short_version(text.lines().next().unwrap_or_default())
}

/// Returns the word with the version, and the one before it where it is only a number.
fn short_version(line: &str) -> String {
    let words: Vec<&str> = line.split([' ', '(', ')']).filter(|word| !word.is_empty()).collect();
    let is_version = |word: &&str| word.contains('.') && word.chars().any(|letter| letter.is_ascii_digit());
    match words.iter().position(is_version) {
        Some(at) => (*words.get(at).unwrap_or(&"?")).trim_end_matches(',').to_owned(),
        None => line.to_owned(),
    }
}

/// Returns the version of a package that the lock file has.
pub(crate) fn locked(lock: &str, package: &str) -> Option<String> {
    let name = format!("name = \"{package}\"");
    let mut lines = lock.lines().skip_while(|line| *line != name);
    let version = lines.nth(1)?.strip_prefix("version = ")?;
    Some(version.trim_matches('"').to_owned())
}

/// A program, or why there is none.
pub(crate) type Program = Result<PathBuf, String>;

#[cfg(test)]
mod tests {
    use super::{is_hit, locked, short_version};
    use crate::http::client::Answer;

    #[test]
    fn versions_are_found() {
        assert_eq!(short_version("nginx version: nginx/1.22.1"), "nginx/1.22.1");
        assert_eq!(
            short_version("varnishd (varnish-7.1.1 revision 7cee1c581bead20e88d101ab3d72afb29f14d87a)"),
            "varnish-7.1.1"
        );
        assert_eq!(
            short_version("wrk debian/4.1.0-3+b2 [epoll] Copyright (C) 2012 Will Glozer"),
            "debian/4.1.0-3+b2"
        );
        assert_eq!(short_version("unknown"), "unknown");
        let lock = "[[package]]\nname = \"hyper-util\"\nversion = \"0.1.21\"\n\n[[package]]\nname = \"hyper\"\nversion = \"1.12.0\"\n";
        assert_eq!(locked(lock, "hyper").as_deref(), Some("1.12.0"));
        assert_eq!(locked(lock, "tower"), None);
    }

    #[test]
    fn a_hit_is_told_from_a_miss() {
        let answer = |ids: &str| Answer {
            status: 200,
            headers: vec![
                ("age".to_owned(), "0".to_owned()),
                ("x-varnish".to_owned(), ids.to_owned()),
            ],
            body: Vec::new(),
        };
        assert!(is_hit(&answer("5 3")));
        assert!(!is_hit(&answer("3")));
    }
}
