//! A stream in TLS, as connections use it.

use std::io::IoSlice;

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use tokio_rustls::{TlsConnector, client};

use super::{handshake::Handshakes, *};
use crate::stream::{Stream as _, TlsReadHalf, WriteHalf};

/// A connection over loopback: the server's halves, and the client.
async fn pair() -> (TlsReadHalf, WriteHalf, client::TlsStream<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (own, age) = SelfSigned::load_or_make(None, &Names::of(&[address]), time::OffsetDateTime::now_utc()).unwrap();
    assert_eq!(age, Age::First);
    let current = Arc::new(CurrentCertificate(std::sync::RwLock::new(Arc::new(own.certified().unwrap()))));
    let handshakes = Handshakes::new(server_config(current).unwrap(), 4);
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(own.authority.as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().unwrap();
    let connector = TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth()));
    let client = async {
        let stream = TcpStream::connect(address).await.unwrap();
        connector.connect(ServerName::from(address.ip()), stream).await.unwrap()
    };
    let server = async {
        let (stream, _) = listener.accept().await.unwrap();
        match handshakes.accept(stream, None).await {
            Some(Accepted::Tls(stream)) => stream.split(),
            _ => panic!("not TLS"),
        }
    };
    let (client, (reading, half)) = tokio::join!(client, server);
    (reading, half, client)
}

/// The byte at this position of the test data.
fn at(place: usize) -> u8 {
    (place % 251) as u8
}

#[tokio::test]
async fn written_bytes_arrive_once_and_in_order() {
    const ALL: usize = 8 * 1024 * 1024;
    let (_reading, mut half, mut client) = pair().await;
    let bytes = (0..ALL).map(at).collect::<Vec<_>>();
    let (mut written, mut read, mut blocked) = (0, 0, 0);
    let mut buffer = vec![0; 300_000];
    while written < ALL {
        // Writes of varying sizes, most of them in two parts.
        let rest = &bytes[written..(written + 1 + written % 40_000).min(ALL)];
        let (first, second) = rest.split_at(rest.len() / 3);
        match half.try_write(&[IoSlice::new(first), IoSlice::new(second)]) {
            Ok(count) => written += count,
            Err(error) => {
                assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
                blocked += 1;
                let count = client.read(&mut buffer).await.unwrap();
                assert!(buffer[..count].iter().zip(read..).all(|(byte, place)| *byte == at(place)));
                read += count;
                // Lets the runtime notice that the socket is writable.
                tokio::task::yield_now().await;
            }
        }
    }
    assert!(blocked > 10, "the socket was full {blocked} times");
    let end = tokio::spawn(async move { half.shutdown().await });
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).await.expect("close_notify arrives");
    assert!(rest.iter().zip(read..).all(|(byte, place)| *byte == at(place)));
    assert_eq!(read + rest.len(), ALL);
    end.await.unwrap().unwrap();
}

#[tokio::test]
async fn both_directions_work_at_once() {
    const ALL: usize = 4 * 1024 * 1024;
    let (mut reading, mut half, client) = pair().await;
    let bytes = (0..ALL).map(at).collect::<Arc<[u8]>>();
    let (mut client_reading, mut client_writing) = tokio::io::split(client);
    let write = |bytes: Arc<[u8]>| async move { half.write_all(&bytes).await };
    let (to_client, to_server) = (Arc::clone(&bytes), Arc::clone(&bytes));
    let tasks = [
        tokio::spawn(write(to_client)),
        tokio::spawn(async move {
            client_writing.write_all(&to_server).await?;
            client_writing.flush().await
        }),
    ];
    let (mut at_server, mut at_client) = (vec![0; ALL], vec![0; ALL]);
    tokio::try_join!(reading.read_exact(&mut at_server), client_reading.read_exact(&mut at_client)).unwrap();
    assert!(at_server == *bytes && at_client == *bytes);
    for task in tasks {
        task.await.unwrap().unwrap();
    }
}
