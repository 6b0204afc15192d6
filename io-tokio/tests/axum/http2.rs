//! Websockets through HTTP/2's extended CONNECT ([RFC 8441](https://www.rfc-editor.org/rfc/rfc8441)).

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::ext::Protocol;
use h2::{RecvStream, SendStream};
use http::{Method, Request, StatusCode};
use oidc_dev_provider::AccessTokenRequest;
use tokio::net::TcpStream;

use super::over_sockets::{World, now};

type Client = SendRequest<Bytes>;

#[test]
fn w15_a_handshake_by_http_2_passes_the_same_checks() {
    let mut world = World::with(&[("OIDC_LEEWAY", "0")]);
    assert_eq!(world.sign_in().status, 303);
    let cookies: Vec<String> = world.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let (cookies, origin) = (cookies.join("; "), world.origin.as_str());
    let request = AccessTokenRequest { lifetime: 3, ..AccessTokenRequest::default() };
    let bearer = world.provider.with(|provider| provider.access_token(request, now()));
    let bearer = format!("Bearer {bearer}");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut client = connect(origin).await;
        for (headers, status) in [
            (&[][..], 401),
            (&[("authorization", "Bearer a.b.c")], 401),
            (&[("cookie", cookies.as_str())], 403),
            (&[("cookie", cookies.as_str()), ("origin", "http://evil.example")], 403),
            (&[("cookie", cookies.as_str()), ("origin", origin)], 200),
        ] {
            let (response, _open) = handshake(&mut client, origin, headers).await;
            assert_eq!(response.await.unwrap().status().as_u16(), status, "{headers:?}");
        }
        let (response, mut to) = handshake(&mut client, origin, &[("authorization", &bearer)]).await;
        let response = response.await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let mut from = response.into_body();
        // A final frame of text, its mask zeros.
        to.send_data(Bytes::from_static(b"\x81\x85\0\0\0\0hello"), false).unwrap();
        assert_eq!(frame(&mut from).await, (0x81, b"hello".to_vec()));
        assert_eq!(frame(&mut from).await, (0x81, b"renew?".to_vec()));
        assert_eq!(frame(&mut from).await, (0x88, b"\x03\xf0expired".to_vec()));
    });
}

/// Whose server has said that it takes extended CONNECT.
async fn connect(origin: &str) -> Client {
    let stream = TcpStream::connect(origin.strip_prefix("http://").unwrap()).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let mut client = client.ready().await.unwrap();
    let page = Request::get(format!("{origin}/")).body(()).unwrap();
    let (response, _) = client.send_request(page, true).unwrap();
    assert_eq!(response.await.unwrap().status(), StatusCode::OK);
    assert!(client.is_extended_connect_protocol_enabled());
    client
}

async fn handshake(
    client: &mut Client,
    origin: &str,
    headers: &[(&str, &str)],
) -> (ResponseFuture, SendStream<Bytes>) {
    let mut request = Request::builder()
        .method(Method::CONNECT)
        .uri(format!("{origin}/ws"))
        .extension(Protocol::from_static("websocket"))
        .header("sec-websocket-version", "13");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    *client = client.clone().ready().await.unwrap();
    client.send_request(request.body(()).unwrap(), false).unwrap()
}

/// First byte and content of the next frame, each of which comes whole here.
async fn frame(from: &mut RecvStream) -> (u8, Vec<u8>) {
    let data = from.data().await.unwrap().unwrap();
    from.flow_control().release_capacity(data.len()).unwrap();
    let [kind, length, content @ ..] = &data[..] else { panic!("{data:?}") };
    assert_eq!(usize::from(*length), content.len());
    (*kind, content.to_vec())
}
