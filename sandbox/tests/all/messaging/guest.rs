//! A guest on a socket.

use futures_util::{SinkExt as _, StreamExt as _};
use sandbox::{CodeGrant, Sandbox, SignIn};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};
use uuid::Uuid;

use crate::support::{Call, Reply, soon};

pub(super) const DEPLOYMENT: &str = "6a1f0f5e-0000-4000-8000-000000000001";

/// A client with a socket.
pub(super) struct Guest {
    socket: WebSocketStream<TcpStream>,
    pub(super) token: String,
}

impl Guest {
    /// Connects as the mobile SDK does, under a token of its own.
    pub(super) async fn connect(sandbox: &Sandbox) -> Self {
        Self::try_connect(sandbox, &format!("deploymentId={DEPLOYMENT}"), &[]).await.unwrap()
    }

    /// Connects; an error is the status of a refusal, or 0 when there was none.
    pub(super) async fn try_connect(
        sandbox: &Sandbox,
        query: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, u16> {
        let mut request = format!("{}?{query}", sandbox.messaging_url()).into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let tcp = TcpStream::connect(sandbox.url().trim_start_matches("http://")).await.unwrap();
        match soon(client_async(request, tcp)).await {
            Ok((socket, _)) => Ok(Self { socket, token: Uuid::new_v4().to_string() }),
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(_) => Err(0),
        }
    }

    /// Connects, and configures an anonymous session.
    pub(super) async fn configured(sandbox: &Sandbox) -> Self {
        let mut guest = Self::connect(sandbox).await;
        assert_eq!(guest.configure().await["body"]["connected"], true);
        guest
    }

    pub(super) fn with_token(self, token: &str) -> Self {
        Self { token: token.into(), ..self }
    }

    /// Sends an action with the guest's token, and a tracing id that is its name.
    pub(super) async fn act(&mut self, action: &str, members: Value) {
        let mut frame = json!({ "action": action, "token": self.token, "tracingId": action });
        frame.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        self.send(&frame).await;
    }

    /// Sends an action, and waits for the next frame.
    pub(super) async fn ask(&mut self, action: &str, members: Value) -> Value {
        self.act(action, members).await;
        self.next().await
    }

    pub(super) async fn configure(&mut self) -> Value {
        self.ask("configureSession", json!({ "deploymentId": DEPLOYMENT, "startNew": false })).await
    }

    pub(super) async fn configure_signed_in(&mut self, jwt: &Value) -> Value {
        let members = json!({ "deploymentId": DEPLOYMENT, "startNew": false, "data": { "code": jwt } });
        self.ask("configureAuthenticatedSession", members).await
    }

    pub(super) async fn say(&mut self, text: &str) -> Value {
        self.ask("onMessage", json!({ "message": { "type": "Text", "text": text } })).await
    }

    pub(super) async fn presence(&mut self, kind: &str) -> Value {
        let events = json!([{ "eventType": "Presence", "presence": { "type": kind } }]);
        self.ask("onMessage", json!({ "message": { "type": "Event", "events": events } })).await
    }

    pub(super) async fn send(&mut self, frame: &Value) {
        self.write(Message::text(frame.to_string())).await;
    }

    pub(super) async fn write(&mut self, message: Message) {
        self.socket.send(message).await.unwrap();
    }

    /// The next frame that is neither ping nor pong.
    pub(super) async fn next(&mut self) -> Value {
        match self.read().await {
            Ok(Message::Text(text)) => serde_json::from_str(&text).unwrap(),
            other => panic!("no text: {other:?}"),
        }
    }

    pub(super) async fn read(&mut self) -> Result<Message, Error> {
        loop {
            match soon(self.socket.next()).await.ok_or(Error::ConnectionClosed)? {
                Ok(Message::Ping(_) | Message::Pong(_)) => {}
                other => return other,
            }
        }
    }

    /// The code of the close frame that comes next; `None` when it has none.
    pub(super) async fn close_code(&mut self) -> Option<u16> {
        match self.read().await {
            Ok(Message::Close(close)) => close.map(|close| close.code.into()),
            other => panic!("no close: {other:?}"),
        }
    }
}

/// What an envelope is: class, code, and the type of its presence event if it has one.
pub(super) fn kind(envelope: &Value) -> (&str, u64, Option<&str>) {
    let presence = envelope.pointer("/body/events/0/presence/type").and_then(Value::as_str);
    (envelope["class"].as_str().unwrap(), envelope["code"].as_u64().unwrap(), presence)
}

/// The body of an exchange.
pub(super) fn exchange_of(grant: &CodeGrant) -> Value {
    json!({
        "deploymentId": DEPLOYMENT,
        "oauth": { "code": grant.code, "redirectUri": grant.redirect_uri, "codeVerifier": grant.code_verifier },
    })
}

pub(super) async fn exchange(sandbox: &Sandbox, body: &Value) -> Reply {
    let path = "/api/v2/webdeployments/token/oauthcodegrantjwtexchange";
    Call::new("POST", path).json(body).send(sandbox).await.unwrap()
}

/// Signs a subject in: the JWT and the refresh token.
pub(super) async fn signed_in(sandbox: &Sandbox, subject: &str) -> Value {
    let reply = exchange(sandbox, &exchange_of(&sandbox.sign_in(SignIn::new(subject)))).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.json()
}

pub(super) async fn refresh(sandbox: &Sandbox, body: &Value) -> Reply {
    Call::new("POST", "/api/v2/webdeployments/token/refresh").json(body).send(sandbox).await.unwrap()
}

pub(super) async fn revoke(sandbox: &Sandbox, jwt: &Value) -> Reply {
    let call = Call::new("DELETE", "/api/v2/webdeployments/token/revoke");
    call.header("authorization", format!("bearer {}", jwt.as_str().unwrap())).send(sandbox).await.unwrap()
}
