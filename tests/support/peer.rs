//! Servers behind the instance, each connection on a thread of its own.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};

/// Serves every connection until the test ends; returns the port.
pub(crate) fn serve(act: impl Fn(TcpStream) + Clone + Send + 'static) -> u16 {
    serve_on("127.0.0.1:0", act).port()
}

/// The same on an address.
pub(crate) fn serve_on(at: &str, act: impl Fn(TcpStream) + Clone + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind(at).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let act = act.clone();
            std::thread::spawn(move || act(stream));
        }
    });
    address
}

/// Sends back what comes.
pub(crate) fn echo(mut stream: TcpStream) {
    let mut bytes = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = stream.read(&mut bytes) {
        if stream.write_all(&bytes[..count]).is_err() {
            return;
        }
    }
}

/// Closes what it sends once something has come, and goes on reading.
pub(crate) fn half_close(mut stream: TcpStream) {
    stream.read_exact(&mut [0; 1000]).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let _ = stream.read_to_end(&mut Vec::new());
}

/// Answers one HTTP request with `body` and closes.
pub(crate) fn http(mut stream: TcpStream, body: &[u8]) {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") {
        if !matches!(stream.read(&mut byte), Ok(1)) {
            return;
        }
        request.push(byte[0]);
    }
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let _ = stream.write_all(head.as_bytes());
    let _ = stream.write_all(body);
}

/// Resident memory of a process, in bytes.
#[cfg(target_os = "linux")]
pub(crate) fn resident(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1));
    kib.unwrap().parse::<u64>().unwrap() * 1024
}
