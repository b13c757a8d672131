//! Tokens that are signed with published keys (SERVER.md, `--jwks-url`).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use axum::http::StatusCode;
use axum::response::IntoResponse;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, get_current_timestamp};
use parking_lot::Mutex;
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::support::{PATIENCE, TestServer, error_of, json_of};

const ISSUER: &str = "https://id.example";
/// Made for these tests and used nowhere else.
const RSA: &[u8] = include_bytes!("keys/rsa.pem");
const EC: &[u8] = include_bytes!("keys/ec.pem");
const ED: &[u8] = include_bytes!("keys/ed.pem");

#[derive(Clone)]
struct Signer {
    id: &'static str,
    algorithm: Algorithm,
    key: EncodingKey,
}

impl Signer {
    fn rsa(id: &'static str) -> Self {
        Self { id, algorithm: Algorithm::RS256, key: EncodingKey::from_rsa_pem(RSA).unwrap() }
    }

    fn ec(id: &'static str) -> Self {
        Self { id, algorithm: Algorithm::ES256, key: EncodingKey::from_ec_pem(EC).unwrap() }
    }

    fn ed(id: &'static str) -> Self {
        Self { id, algorithm: Algorithm::EdDSA, key: EncodingKey::from_ed_pem(ED).unwrap() }
    }

    fn published(&self) -> Value {
        let mut jwk = Jwk::from_encoding_key(&self.key, self.algorithm).unwrap();
        jwk.common.key_id = Some(self.id.into());
        serde_json::to_value(jwk).unwrap()
    }

    fn token(&self, claims: &Value) -> String {
        let header = Header { kid: Some(self.id.into()), ..Header::new(self.algorithm) };
        encode(&header, claims, &self.key).unwrap()
    }
}

fn claims(exp: i64) -> Value {
    let exp = get_current_timestamp().saturating_add_signed(exp);
    json!({"sub": "ada", "iss": ISSUER, "aud": "chat", "exp": exp})
}

/// A server of published keys. It can go away and come back, and counts its requests.
#[derive(Clone)]
struct Provider {
    url: String,
    /// `None`: it is away.
    keys: Arc<Mutex<Option<Vec<Value>>>>,
    asked: Arc<AtomicUsize>,
}

impl Provider {
    async fn start(keys: Option<Vec<Value>>) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/keys", listener.local_addr().unwrap());
        let provider = Self { url, keys: Arc::new(Mutex::new(keys)), asked: Arc::default() };
        let answering = provider.clone();
        let route = axum::routing::get(move || async move { answering.answer() });
        tokio::spawn(axum::serve(listener, axum::Router::new().route("/keys", route)).into_future());
        provider
    }

    fn answer(&self) -> axum::response::Response {
        self.asked.fetch_add(1, SeqCst);
        match &*self.keys.lock() {
            Some(keys) => axum::Json(json!({ "keys": keys })).into_response(),
            None => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
    }

    async fn server(&self) -> TestServer {
        let flags = ["--require-auth", "--jwt-issuer", ISSUER, "--jwt-audience", "chat", "--jwks-url", &self.url];
        TestServer::start(&flags).await
    }
}

fn ask(server: &TestServer, token: &str) -> RequestBuilder {
    server.post("/sessions").bearer_auth(token)
}

async fn is_ada(server: &TestServer, token: &str) {
    assert_eq!(json_of(ask(server, token), StatusCode::CREATED).await["user_id"], "ada");
}

#[tokio::test]
async fn tokens_of_all_three_kinds_of_keys_name_their_user() {
    let signers = [Signer::rsa("r"), Signer::ec("e"), Signer::ed("d")];
    let provider = Provider::start(Some(signers.iter().map(Signer::published).collect())).await;
    let server = provider.server().await;
    for signer in &signers {
        is_ada(&server, &signer.token(&claims(60))).await;
    }
}

#[tokio::test]
async fn a_token_has_to_be_for_us_and_to_expire() {
    let signer = Signer::ec("e");
    let provider = Provider::start(Some(vec![signer.published()])).await;
    let server = provider.server().await;
    is_ada(&server, &signer.token(&claims(-20))).await;
    let without = |claim: &str| {
        let mut claims = claims(60);
        claims.as_object_mut().unwrap().remove(claim);
        claims
    };
    let with = |claim: &str, value: Value| {
        let mut claims = claims(60);
        claims[claim] = value;
        claims
    };
    for claims in [
        claims(-40),
        without("exp"),
        without("iss"),
        without("aud"),
        without("sub"),
        with("iss", json!("https://other.example")),
        with("aud", json!(["mail"])),
        with("nbf", json!(get_current_timestamp() + 60)),
    ] {
        error_of(ask(&server, &signer.token(&claims)), 401, "UNAUTHORIZED").await;
    }
}

#[tokio::test]
async fn a_key_verifies_its_own_kind_of_signature_and_no_other() {
    let published = Signer::rsa("r");
    let provider = Provider::start(Some(vec![published.published()])).await;
    let server = provider.server().await;
    // One token is signed with another key under the same id, the other with the public part of the right key as a
    // secret.
    error_of(ask(&server, &Signer::ec("r").token(&claims(60))), 401, "UNAUTHORIZED").await;
    let known = published.published()["n"].as_str().unwrap().to_owned();
    let confused =
        Signer { id: "r", algorithm: Algorithm::HS256, key: EncodingKey::from_secret(known.as_bytes()).unwrap() };
    error_of(ask(&server, &confused.token(&claims(60))), 401, "UNAUTHORIZED").await;
    let mut nameless = Header::new(Algorithm::RS256);
    nameless.kid = None;
    let nameless = encode(&nameless, &claims(60), &published.key).unwrap();
    error_of(ask(&server, &nameless), 401, "UNAUTHORIZED").await;
}

#[tokio::test]
async fn a_new_key_is_fetched_when_it_is_first_seen_and_made_up_ids_fetch_no_more() {
    let (old, new) = (Signer::ec("old"), Signer::ed("new"));
    let provider = Provider::start(Some(vec![old.published()])).await;
    let server = provider.server().await;
    is_ada(&server, &old.token(&claims(60))).await;
    *provider.keys.lock() = Some(vec![old.published(), new.published()]);
    is_ada(&server, &new.token(&claims(60))).await;
    let asked = provider.asked.load(SeqCst);
    for id in ["a", "b", "c"] {
        error_of(ask(&server, &Signer::ed(id).token(&claims(60))), 401, "UNAUTHORIZED").await;
    }
    assert_eq!(provider.asked.load(SeqCst), asked);
}

#[tokio::test]
async fn while_the_keys_cannot_be_had_tokens_are_503_and_then_they_are_served() {
    let signer = Signer::ec("e");
    let provider = Provider::start(None).await;
    let server = provider.server().await;
    let response = ask(&server, &signer.token(&claims(60))).send().await.unwrap();
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["retry-after"], "1");
    assert!(response.json::<Value>().await.unwrap()["detail"]["code"].is_string());
    error_of(server.post("/sessions"), 401, "UNAUTHORIZED").await;
    *provider.keys.lock() = Some(vec![signer.published()]);
    let served = async {
        while ask(&server, &signer.token(&claims(60))).send().await.unwrap().status() != 201 {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, served).await.unwrap();
}
