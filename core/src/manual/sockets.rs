//! Who opens a socket, how long it stays open, and how a client goes on with a fresh token.
//!
//! A request shows its credentials each time; a socket shows them once and may live for days. So whoever has opened it is
//! watched: by one clock and one look at the store for all sockets of a process.
//!
//! # Who opens one
//!
//! [`Guard::admit_socket`](crate::Guard::admit_socket) decides about the handshake, and redirects nobody. In this order, and
//! never two of them:
//!
//! | a token in | taken | for |
//! |---|---|---|
//! | `Authorization` | always | programs |
//! | `Sec-WebSocket-Protocol`, behind `bearer` | always | pages: `new WebSocket(url, ["bearer", token])`; what is chosen is `bearer`, and never the token |
//! | the query, `access_token` or `id_token` | with [`query_tokens`](crate::config::ConfigBuilder::query_tokens) | what can do nothing else; addresses end up in logs |
//! | a message, such as Socket.IO's `auth` payload | where the adapter has one | pages and programs |
//! | the session cookie | if `Origin` is this server's | pages of this server |
//!
//! Browsers send cookies with a websocket that any page opens, and no same-origin policy stands in the way
//! ([RFC 6455 section 10.2](https://www.rfc-editor.org/rfc/rfc6455#section-10.2)): a cookie from another origin's page, or
//! without `Origin` (unless the browser says by `Sec-Fetch-Site` that the page is this server's), is answered 403. A token is its own proof, and comes from anywhere.
//!
//! # When it ends
//!
//! With code 1008, and one of these reasons, within a second:
//!
//! | reason | because |
//! |---|---|
//! | `expired` | the token has reached its `exp` and the leeway, or the session its end |
//! | `signed_out` | the session was ended here, at another instance that shares the store, or by the provider |
//! | `key_withdrawn` | the provider no longer publishes the token's key, with [`sockets_end_with_key`](crate::config::ConfigBuilder::sockets_end_with_key) |
//! | `subject_mismatch` | the client has sent somebody else's token to go on with |
//!
//! A session that ends when nobody uses it is not used by its sockets: give them a token, or let the page reload. While the
//! provider is down sockets live on until their own end. While the store is down no sign-out is seen that was told to another
//! instance, and `expired` comes as ever.
//!
//! # Going on
//!
//! 30 seconds before its end, or in the last third of a life shorter than 90 seconds, a socket is
//! [told so](crate::sockets::Notice::Expiring). `warn_with` of the adapters' `OpenSocket` sends a message of yours then. What the
//! client answers is your protocol's affair; hand its token to `renew`, and the socket ends with that token instead. Who is on a
//! socket never changes.
//!
//! Socket.IO has words for it: `expiring`, `reauth` and `ended` are events of the guard's own.
//!
//! # Requests that belong together
//!
//! Socket.IO may poll: many requests make up one connection, each with its name. Where headers opened it,
//! [`Guard::admit_again`](crate::Guard::admit_again) wants each of them to be of the same session, or by a token of the same
//! subject: whoever learns the name of somebody else's connection gains nothing. A token in the `auth` payload is sent once; the
//! name is then what a client holds.
//!
//! # Servers of any other kind
//!
//! Whatever has a handshake in HTTP asks [`Guard::admit_socket`](crate::Guard::admit_socket), and then watches: in async servers by
//! `Oidc::watch` (feature `sockets`), whose `Life` says when to warn and when to close; beside a blocking listener by
//! `Oidc::accept_websocket`; without either driver by [`Sockets`](crate::sockets::Sockets) itself.
//!
//! # What you choose
//!
//! How much a client may send, and how large, is the web server's to bound: this layer keeps no queue. HTTP/2 opens a websocket
//! by extended CONNECT ([RFC 8441](https://www.rfc-editor.org/rfc/rfc8441)) and meets the same checks; in axum such a route is
//! `any`, and not `get`.
