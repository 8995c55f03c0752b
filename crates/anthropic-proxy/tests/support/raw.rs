//! HTTP by hand: a client and an upstream that send exactly the bytes they are told.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread::JoinHandle;

use super::PATIENCE;

/// A connection to the proxy.
pub struct Client(pub TcpStream);

impl Client {
    pub fn connect(authority: &str) -> Client {
        let stream = TcpStream::connect(authority).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Client(stream)
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.0.write_all(bytes.as_ref()).unwrap();
        self
    }

    /// Everything up to the end of the connection; what came before a reset.
    pub fn read_to_end(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let _ = self.0.read_to_end(&mut bytes);
        bytes
    }

    /// Everything up to and with `mark`.
    pub fn read_until(&mut self, mark: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut byte = [0];
        while !bytes.ends_with(mark) {
            assert_eq!(self.0.read(&mut byte).unwrap(), 1, "ended before {:?}: {:?}", mark, String::from_utf8_lossy(&bytes));
            bytes.push(byte[0]);
        }
        bytes
    }

    /// Sends no more, reads on.
    pub fn finish(&self) {
        self.0.shutdown(Shutdown::Write).unwrap();
    }
}

/// One request that asks for the end of the connection, and all that comes back.
pub fn exchange(authority: &str, request: impl AsRef<[u8]>) -> Vec<u8> {
    let mut client = Client::connect(authority);
    client.send(request);
    client.read_to_end()
}

/// The body of an answer whose head ends at the first blank line.
pub fn body_of(answer: &[u8]) -> &[u8] {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("a head") + 4;
    &answer[end..]
}

/// An upstream that does to each connection what it is told.
pub struct Upstream {
    pub address: SocketAddr,
    pub thread: JoinHandle<()>,
}

impl Upstream {
    /// Serves as many connections as there are scripts, one after another.
    pub fn start(scripts: Vec<Box<dyn FnOnce(Client) + Send>>) -> Upstream {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let thread = std::thread::spawn(move || {
            for script in scripts {
                let (stream, _) = listener.accept().unwrap();
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                stream.set_nodelay(true).unwrap();
                script(Client(stream));
            }
        });
        Upstream { address, thread }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}
