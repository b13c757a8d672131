//! One HTTP request: the app's headers, `fetch`, and the response. TypeScript reads the body of a stream (`js/streams/pump.ts`);
//! Rust starts and stops it.

use std::rc::{Rc, Weak};

use js_sys::{Array, Date, Function, JSON, Object, Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{AbortController, AbortSignal, DomException, Headers, RequestInit, Url};

use super::codec;
use super::driver::{App, Driver};
use super::face::Face;
use super::reflect::{function, message, object, property, set, text};
use crate::client::io::{Attempt, Failure, Head, Input, Millis, Redirect, Request, RetryAfter, StreamError, Why};
use crate::protocol::answer::read_error;
use crate::protocol::body::Body;
use crate::stream::cursor::EventId;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = fetch, catch)]
    fn global_fetch(url: &str, init: &RequestInit) -> Result<Promise, JsValue>;
}

/// The limit, in bytes, of a body that is read although it is no event stream where one was requested (an error, a login page).
const LONGEST_ANSWER: f64 = 65_536.0;

/// The URLs and credentials of the client's requests.
#[derive(Debug)]
pub struct Endpoint {
    /// The base URL of PROTOCOL §1, without a slash at the end.
    pub base_url: String,
    /// The base URL of the endpoints that answer JSON, in the same form.
    pub json_base_url: String,
    /// The `credentials` of every request, as `fetch` names them.
    pub credentials: Option<String>,
}

impl Endpoint {
    /// Returns the plan of a request.
    pub fn plan(&self, request: Request, why: Why, session: Option<String>) -> Plan {
        let base = if request.expects_stream() { &self.base_url } else { &self.json_base_url };
        let url = [base.as_str(), &request.path()].concat();
        Plan { request, why, session, url, credentials: self.credentials.clone() }
    }
}

/// A request that is under way.
#[derive(Clone, Debug)]
pub struct Exchange {
    controller: Option<AbortController>,
}

thread_local! {
    /// One reason for all aborts, because a new one would have to collect a stack trace each time.
    static ABORTED: JsValue = DomException::new_with_message_and_name("The request is not needed any more.", "AbortError")
        .map(Into::into)
        .unwrap_or_default();
}

impl Exchange {
    /// Aborts the request. This runs abort listeners of the app.
    pub fn abort(&self) {
        if let Some(controller) = &self.controller {
            ABORTED.with(|reason| controller.abort_with_reason(reason));
        }
    }
}

/// Starts a request. The driver gets its result under `attempt`, never from within this call.
pub fn start(driver: &Rc<Driver>, attempt: Attempt, plan: Plan) -> Exchange {
    let exchange = Exchange { controller: AbortController::new().ok() };
    let call = Call { driver: Rc::downgrade(driver), attempt, exchange: exchange.clone() };
    spawn_local(async move {
        let has_failed = match call.run(&plan).await {
            Ok(()) => false,
            Err(failure) => call.end(Input::Failed { attempt, failure }),
        };
        if !has_failed {
            // If the request was cancelled meanwhile, this closes its connection, which would be kept for a body that nobody reads.
            call.exchange.abort();
        }
    });
    exchange
}

/// A request, and what the app's functions get about it.
#[derive(Debug)]
pub struct Plan {
    /// The request itself.
    pub request: Request,
    /// Why the app is asked for headers.
    pub why: Why,
    /// The session of the request.
    pub session: Option<String>,
    url: String,
    credentials: Option<String>,
}

struct Call {
    driver: Weak<Driver>,
    attempt: Attempt,
    exchange: Exchange,
}

impl Call {
    /// Sends the request and passes the response to the driver. Fails also if the driver no longer waits for it.
    async fn run(&self, plan: &Plan) -> Result<(), Failure> {
        let attempt = self.attempt;
        let app = self.driver()?.app().ok_or_else(unwanted)?;
        let signal = self.exchange.controller.as_ref().map(AbortController::signal);
        let (answer, body) = ask(&app, plan, signal.as_ref(), &|| self.driver().map(drop)).await?;
        let is_stream = plan.request.expects_stream() && answer.head().is_event_stream();
        if is_stream {
            self.driver()?.handle(Input::Opened { attempt, head: answer.head() });
        }
        // The head may have ended the request.
        self.driver()?;
        if is_stream {
            if body.is_object() {
                JsFuture::from(app.face.pump(attempt, &body).map_err(network)?).await.map_err(network)?;
            }
            self.end(Input::Ended { attempt });
            return Ok(());
        }
        let most = if plan.request.expects_stream() { LONGEST_ANSWER } else { f64::INFINITY };
        let (_, body) = read(&app.face, &body, most).await?;
        self.end(Input::Answered { attempt, head: answer.head(), body: body.as_ref() });
        Ok(())
    }

    /// Returns the driver as long as it waits for this request.
    fn driver(&self) -> Result<Rc<Driver>, Failure> {
        self.driver.upgrade().filter(|driver| driver.is_open(self.attempt)).ok_or_else(unwanted)
    }

    /// Ends the request with this input. Returns `false` if the driver no longer waits for it.
    fn end(&self, input: Input<'_>) -> bool {
        self.driver.upgrade().is_some_and(|driver| driver.end(self.attempt, input))
    }
}

/// Loads a session for the app and returns the text of the response.
///
/// # Errors
/// Fails if the request failed, or if its status is not 200.
pub async fn load(driver: Rc<Driver>, session: String, signal: JsValue) -> Result<JsValue, StreamError> {
    let signal: Option<AbortSignal> = signal.is_object().then(|| signal.unchecked_into());
    let mark = driver.with(|client| client.mark(&session));
    let request = Request::Session { session: session.clone() };
    let mut plan = driver.endpoint().plan(request, Why::Resume, Some(session.clone()));
    loop {
        let app = driver.app().ok_or_else(|| unwanted().into_error())?;
        let (answer, body) = ask(&app, &plan, signal.as_ref(), &|| Ok(())).await.map_err(Failure::into_error)?;
        let (text, body) = read(&app.face, &body, f64::INFINITY).await.map_err(Failure::into_error)?;
        if answer.status == 401 && plan.why != Why::Unauthorized {
            plan.why = Why::Unauthorized;
            continue;
        }
        if answer.status != 200 {
            return Err(read_error(&answer.head(), body.as_ref()));
        }
        if let Some(body) = &body {
            driver.handle(Input::Loaded { session: &session, mark, body });
        }
        return Ok(text);
    }
}

/// Asks the app's `headers` for headers, and then its `prepareRequest` for changes of the whole request, and sends it. Returns
/// the head and the body of the response. `still_wanted` fails if the request was cancelled while the app's functions ran.
async fn ask(
    app: &App,
    plan: &Plan,
    signal: Option<&AbortSignal>,
    still_wanted: &dyn Fn() -> Result<(), Failure>,
) -> Result<(Answer, JsValue), Failure> {
    if app.fetch.is_none() && app.prepare.is_none() {
        check(&plan.url)?;
    }
    let headers = headers(app, plan).await.map_err(|error| Failure::Headers(message(&error)))?;
    let init = init(plan, &headers, signal);
    let mut url = plan.url.clone();
    if let Some(function) = &app.prepare {
        let asked = described(plan, &init);
        let changed = app.face.call(function, &Array::of1(&asked)).map_err(unprepared)?;
        let changed = JsFuture::from(changed).await.map_err(unprepared)?;
        url = text(&changed, "url").unwrap_or(url);
        if let Some(changed) = object(&changed, "init") {
            Object::assign(init.unchecked_ref::<Object>(), changed.unchecked_ref());
        }
        set(&init, "signal", &signal.into());
        if app.fetch.is_none() {
            check(&url)?;
        }
    }
    still_wanted()?;
    let asked = match &app.fetch {
        Some(fetch) => app.face.call(fetch, &Array::of2(&url.into(), &init)),
        None => global_fetch(&url, &init),
    };
    let response = JsFuture::from(asked.map_err(network)?).await.map_err(network)?;
    if !is_response(&response) {
        return Err(no_response());
    }
    Ok((Answer::of(&response), Reflect::get(&response, &"body".into()).map_err(network)?))
}

/// Returns the argument of the app's `prepareRequest` (API.md).
fn described(plan: &Plan, init: &RequestInit) -> Object {
    let Plan { request, session, url, .. } = plan;
    let described = Object::new();
    let add = |name, value: JsValue| {
        if !value.is_undefined() {
            set(&described, name, &value);
        }
    };
    add("kind", request.kind().into());
    add("sessionId", session.as_deref().into());
    add("taskId", request.task().into());
    add("cursor", request.cursor().map(EventId::text).into());
    add("url", url.into());
    add("init", init.into());
    add("body", request.body().and_then(|body| JSON::parse(&body).ok()).into());
    described
}

/// Reads a response to its end, up to `most` bytes. Returns its text, and the body if the text is a JSON object.
async fn read(face: &Face, body: &JsValue, most: f64) -> Result<(JsValue, Option<Body>), Failure> {
    if !body.is_object() {
        return Ok((JsValue::UNDEFINED, None));
    }
    let text = JsFuture::from(face.collect(body, most).map_err(network)?).await.map_err(network)?;
    let body = text.as_string().and_then(|text| codec::body(&text));
    Ok((text, body))
}

fn init(Plan { request, credentials, .. }: &Plan, headers: &Headers, signal: Option<&AbortSignal>) -> RequestInit {
    let init = RequestInit::new();
    set(&init, "method", &request.method().into());
    set(&init, "headers", headers);
    // A cached response of a stream or a session would be out of date.
    set(&init, "cache", &"no-store".into());
    set(&init, "signal", &signal.into());
    if let Some(body) = request.body() {
        set(&init, "body", &body.into());
    }
    if let Some(credentials) = credentials {
        set(&init, "credentials", &credentials.into());
    }
    init
}

/// Collects the headers of a request. The client's headers come first, so that the app's `headers` can replace them. The headers
/// that the call itself passed come last. Fails if the app's function throws or if a header is invalid.
async fn headers(app: &App, Plan { request, why, .. }: &Plan) -> Result<Headers, JsValue> {
    let headers = Headers::new()?;
    headers.set("accept", if request.expects_stream() { "text/event-stream" } else { "application/json" })?;
    if request.body().is_some() {
        headers.set("content-type", "application/json")?;
    }
    let given = match app.headers.dyn_ref::<Function>() {
        Some(function) => JsFuture::from(app.face.call(function, &Array::of1(&name(*why).into()))?).await?,
        None => app.headers.clone(),
    };
    add_headers(&headers, &given)?;
    if let Some(own) = request.headers() {
        add_headers(&headers, &JSON::parse(own)?)?;
    }
    Ok(headers)
}

fn add_headers(headers: &Headers, given: &JsValue) -> Result<(), JsValue> {
    if given.is_falsy() {
        return Ok(());
    }
    let given = Headers::new_with_headers(given.unchecked_ref())?;
    for pair in Array::from(&given) {
        let pair: Array = pair.unchecked_into();
        let (name, value) = (pair.get(0).as_string(), pair.get(1).as_string());
        headers.set(&name.unwrap_or_default(), &value.unwrap_or_default())?;
    }
    Ok(())
}

/// The parts of a [`Head`] as owned values.
struct Answer {
    status: u16,
    content_type: String,
    task: Option<String>,
    retry_after: Option<RetryAfter>,
    date: Option<Millis>,
    redirect: Redirect,
}

impl Answer {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, which is the clamp")]
    fn of(response: &JsValue) -> Self {
        let headers = object(response, "headers").unwrap_or_default();
        let get = function(&headers, "get");
        let header = |name: &str| get.as_ref()?.call1(&headers, &name.into()).ok()?.as_string();
        let is_redirected = property(response, "redirected").is_some_and(|redirected| redirected.is_truthy());
        Self {
            status: property(response, "status").and_then(|status| status.as_f64()).unwrap_or_default() as u16,
            content_type: header("content-type").unwrap_or_default(),
            task: header("x-task-id"),
            retry_after: header("retry-after").and_then(|text| RetryAfter::read(&text, parse_date)),
            date: header("date").and_then(|text| parse_date(&text)),
            redirect: if is_redirected { Redirect::Followed } else { Redirect::None },
        }
    }

    fn head(&self) -> Head<'_> {
        Head {
            status: self.status,
            content_type: &self.content_type,
            task: self.task.as_deref().filter(|task| !task.is_empty()),
            retry_after: self.retry_after,
            date: self.date,
            redirect: self.redirect,
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, which is the clamp")]
fn parse_date(text: &str) -> Option<Millis> {
    Some(Date::parse(text)).filter(|ms| !ms.is_nan()).map(|ms| ms as Millis)
}

/// Checks that a value has the members of a response. An app's `fetch` may return any value, and a wrong one would throw later.
/// The class is not checked, because test environments have response classes of their own.
fn is_response(given: &JsValue) -> bool {
    let has_headers = property(given, "headers").is_some_and(|headers| function(&headers, "get").is_some());
    has_headers && property(given, "status").is_some_and(|status| status.as_f64().is_some())
}

fn no_response() -> Failure {
    Failure::Network("The app's fetch gave something else than a Response.".into())
}

/// Checks a URL before the request. `fetch` rejects a bad URL with the same `TypeError` as a network failure, but only the latter
/// is worth a retry.
fn check(url: &str) -> Result<(), Failure> {
    // A URL that is not relative is also its own base.
    let parsed = Url::new_with_base(url, base().as_deref().unwrap_or(url));
    let is_usable = |url: &Url| matches!(url.protocol().as_str(), "http:" | "https:") && url.username().is_empty();
    if parsed.is_ok_and(|url| is_usable(&url)) {
        return Ok(());
    }
    Err(Failure::InvalidUrl([url, " is no URL that can be fetched from here: set baseUrl."].concat()))
}

fn base() -> Option<String> {
    let global = js_sys::global();
    match object(&global, "document") {
        Some(document) => text(&document, "baseURI"),
        None => text(&object(&global, "location")?, "href"),
    }
}

/// Returns the reason that the app's `headers` function gets (API.md).
fn name(why: Why) -> &'static str {
    match why {
        Why::Send => "send",
        Why::Resume => "resume",
        Why::Unauthorized => "unauthorized",
    }
}

fn unprepared(error: JsValue) -> Failure {
    Failure::Prepare(message(&error))
}

/// The failure of a request for whose response nobody waits any more.
fn unwanted() -> Failure {
    network(JsValue::UNDEFINED)
}

fn network(error: JsValue) -> Failure {
    Failure::Network(message(&error))
}
