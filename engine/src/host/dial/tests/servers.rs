//! What may listen on a port: openssl, rustls, and servers that are no good.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertificateParams, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert, ServerConfig};
use rustls::sign::CertifiedKey;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::host::dial::Endpoint;

/// A certificate, its CA's, and its key.
pub(super) struct Identity {
    pub(super) leaf: CertificateDer<'static>,
    pub(super) ca: CertificateDer<'static>,
    ca_pem: String,
    pub(super) key: KeyPair,
}

impl Identity {
    /// One that was valid until the first day of `year`.
    pub(super) fn until(year: i32, key: KeyPair) -> Self {
        let ca_key = KeyPair::generate().expect("a key");
        let mut ca_params = CertificateParams::default();
        ca_params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let ca = ca_params.self_signed(&ca_key).expect("a CA");
        let mut params = CertificateParams::new(vec!["cp-1".to_owned()]).expect("a name");
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        let leaf = params.signed_by(&key, &Issuer::new(ca_params, ca_key)).expect("a certificate");
        Self { leaf: leaf.der().clone(), ca: ca.der().clone(), ca_pem: ca.pem(), key }
    }

    /// A valid one, of an elliptic curve.
    pub(super) fn valid() -> Self {
        Self::until(2100, KeyPair::generate().expect("a key"))
    }

    /// A valid one with a key as kubeadm makes them.
    pub(super) fn rsa() -> Self {
        let made = openssl(&["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"])
            .stderr(Stdio::null())
            .output()
            .expect("openssl is installed");
        let pem = String::from_utf8(made.stdout).expect("PEM");
        Self::until(2100, KeyPair::from_pem(&pem).expect("a key"))
    }
}

/// A server that ends with this value.
pub(super) struct Server {
    port: u16,
    _folder: Option<TempDir>,
    child: Option<Child>,
    task: Option<JoinHandle<()>>,
}

impl Server {
    pub(super) fn at(&self) -> Endpoint {
        Endpoint::new("127.0.0.1", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            child.kill().expect("openssl is ours");
            child.wait().expect("it ends");
        }
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the server is a process of its own")]
fn openssl(args: &[&str]) -> Command {
    let mut command = Command::new("openssl");
    command.args(args).stdin(Stdio::null());
    command
}

/// `openssl s_server` with these options.
pub(super) fn s_server(identity: &Identity, options: &[&str]) -> Server {
    let folder = tempfile::tempdir().expect("a folder");
    let (leaf, key, chain) =
        (folder.path().join("leaf"), folder.path().join("key"), folder.path().join("chain"));
    std::fs::write(&leaf, &identity.leaf).expect("written");
    std::fs::write(&key, identity.key.serialize_der()).expect("written");
    std::fs::write(&chain, &identity.ca_pem).expect("written");
    let mut command = openssl(&["s_server", "-accept", "127.0.0.1:0", "-certform", "DER", "-keyform", "DER"]);
    command.arg("-cert").arg(leaf).arg("-key").arg(key).arg("-cert_chain");
    command.arg(&chain).args(options).stdout(Stdio::piped()).stderr(Stdio::null()).stdin(Stdio::piped());
    let mut child = command.spawn().expect("openssl is installed");
    let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let port = lines.map_while(Result::ok).find_map(|line| {
        line.strip_prefix("ACCEPT ").and_then(|at| at.rsplit_once(':')?.1.trim().parse().ok())
    });
    let port = port.expect("s_server tells its port");
    Server { port, _folder: Some(folder), child: Some(child), task: None }
}

/// A rustls server that shows `shown` and signs with the key of `signs`.
pub(super) fn rustls(
    shown: &Identity,
    signs: &Identity,
    version: &'static rustls::SupportedProtocolVersion,
) -> Server {
    #[derive(Debug)]
    struct Always(Arc<CertifiedKey>);
    impl ResolvesServerCert for Always {
        fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
            Some(Arc::clone(&self.0))
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::try_from(signs.key.serialize_der()).expect("PKCS #8");
    let key = provider.key_provider.load_private_key(key).expect("a key");
    let certified = CertifiedKey::new(vec![shown.leaf.clone(), shown.ca.clone()], key);
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .expect("it is built in")
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Always(Arc::new(certified))));
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    serve(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            if let Ok(mut stream) = acceptor.accept(stream).await {
                stream.read_u8().await.ok();
                stream.write_all(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok").await.ok();
                stream.shutdown().await.ok();
            }
        }
    })
}

/// Runs `handle` for every connection.
pub(super) fn serve<F>(handle: impl Fn(TcpStream) -> F + Send + 'static) -> Server
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("a socket");
    let port = listener.local_addr().expect("bound").port();
    let listener = TcpListener::from_std(listener).expect("within a runtime");
    let task = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(handle(stream));
        }
    });
    Server { port, _folder: None, child: None, task: Some(task) }
}

/// Waits for the request, says `words` and closes.
pub(super) fn says(words: impl Into<Vec<u8>>) -> Server {
    let words: Arc<[u8]> = words.into().into();
    serve(move |mut stream| {
        let words = Arc::clone(&words);
        async move {
            let mut request = [0; 1024];
            // One read: a request of ours comes whole.
            let _length = stream.read(&mut request).await;
            stream.write_all(&words).await.ok();
            stream.shutdown().await.ok();
            // Closing with unread input would be a reset.
            while matches!(stream.read(&mut request).await, Ok(1..)) {}
        }
    })
}

/// Closes when it is spoken to.
pub(super) fn closes() -> Server {
    serve(|mut stream| async move {
        stream.read_u8().await.ok();
    })
}

/// Takes connections and never says a word.
pub(super) fn silent() -> Server {
    serve(|mut stream| async move {
        let mut sink = tokio::io::sink();
        tokio::io::copy(&mut stream, &mut sink).await.ok();
        std::future::pending::<()>().await;
    })
}

/// Says `words` one byte each `pause`.
pub(super) fn drips(words: &'static [u8], pause: Duration) -> Server {
    serve(move |mut stream| async move {
        for byte in words {
            if stream.write_all(&[*byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(pause).await;
        }
    })
}

/// A port on which nobody listens.
pub(super) fn closed_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("bound").port()
}
