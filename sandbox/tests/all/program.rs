//! The program.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

fn start(arguments: &[&str]) -> (Child, Value) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sandbox"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    (child, serde_json::from_str(&line).unwrap_or_default())
}

#[test]
fn prints_one_line_and_ends_with_its_parent() {
    let (mut child, addresses) = start(&["--port", "0", "--exit-with-stdin"]);
    assert_eq!(addresses["pid"], child.id());
    assert_eq!(addresses["login"], addresses["url"]);
    assert!(addresses.get("ca").is_none());
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
    let mut rest = String::new();
    child.stdout.unwrap().read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "", "exactly one line");
}

#[cfg(unix)]
#[test]
fn stops_when_told_to() {
    for signal in ["TERM", "INT"] {
        let (mut child, addresses) = start(&["--tls"]);
        assert!(addresses["ca"].as_str().unwrap().starts_with("-----BEGIN CERTIFICATE-----"));
        assert!(addresses["url"].as_str().unwrap().starts_with("https://127.0.0.1:"));
        let sent = Command::new("kill").args([format!("-{signal}"), child.id().to_string()]).status();
        assert!(sent.unwrap().success());
        assert!(child.wait().unwrap().success());
    }
}

#[test]
fn explains_mistakes() {
    let (mut child, _) = start(&["--nonsense"]);
    assert_eq!(child.wait().unwrap().code(), Some(2));
    let mut complaint = String::new();
    child.stderr.unwrap().read_to_string(&mut complaint).unwrap();
    assert!(complaint.starts_with("sandbox: there is no option --nonsense\n\nGenesys Cloud"), "{complaint}");
}

#[test]
fn a_taken_port_is_an_error() {
    let (mut first, addresses) = start(&["--exit-with-stdin"]);
    let port = addresses["url"].as_str().unwrap().rsplit_once(':').unwrap().1.to_owned();
    let (mut second, _) = start(&["--port", &port]);
    assert_eq!(second.wait().unwrap().code(), Some(1));
    drop(first.stdin.take());
    first.wait().unwrap();
}
