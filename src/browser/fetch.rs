//! One HTTP request: headers of the app, `fetch`, and the body as it comes.

use alloc::rc::{Rc, Weak};
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::RefCell;

use js_sys::{Array, Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{AbortController, Headers, RequestCache, RequestInit, Response, Url};

use super::driver::Driver;
use super::host;
use super::lifecycle::property;
use crate::io::{Attempt, Failure, Head, Input, Redirect, Request, Why};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = fetch, catch)]
    fn global_fetch(url: &str, init: &RequestInit) -> Result<Promise, JsValue>;
}

/// The most of a body that is read where an event stream was asked for and something else came (an error, a login page).
const LONGEST_ANSWER: usize = 64 << 10;

/// A request under way; dropping it gives it up.
#[derive(Debug)]
pub struct Exchange {
    controller: Option<AbortController>,
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if let Some(controller) = &self.controller {
            controller.abort();
        }
    }
}

impl Exchange {
    /// It is over: there is nothing to give up any more.
    pub fn forget(mut self) {
        self.controller = None;
    }
}

/// Starts a request. The driver hears how it goes under `attempt`, never from within this call.
pub fn start(driver: &Rc<Driver>, attempt: Attempt, request: Request, why: Why) -> Exchange {
    let controller = AbortController::new().ok();
    let call = Call { driver: Rc::downgrade(driver), attempt, controller: controller.clone() };
    spawn_local(async move {
        let failure = call.run(&request, why).await.err();
        match call.driver() {
            Some(driver) => call.fail(&driver, failure),
            None => call.give_up(),
        }
    });
    Exchange { controller }
}

#[derive(Clone)]
struct Call {
    driver: Weak<Driver>,
    attempt: Attempt,
    controller: Option<AbortController>,
}

impl Call {
    fn fail(&self, driver: &Driver, failure: Option<Failure>) {
        if let Some(failure) = failure {
            driver.end(self.attempt, Input::Failed { attempt: self.attempt, failure });
        }
    }

    /// Nobody waits for it any more: the connection is not kept for a body that nobody reads.
    fn give_up(&self) {
        if let Some(controller) = &self.controller {
            controller.abort();
        }
    }

    async fn run(&self, request: &Request, why: Why) -> Result<(), Failure> {
        let response = self.ask(request, why).await?;
        let answer = Answer::of(&response);
        if request.expects_stream() && answer.head().is_event_stream() {
            self.tell(Input::Opened { attempt: self.attempt, head: answer.head() });
            return self.stream(&response).await;
        }
        let limit = if request.expects_stream() { LONGEST_ANSWER } else { usize::MAX };
        let body = self.collect(&response, limit).await?;
        self.finish(Input::Answered { attempt: self.attempt, head: answer.head(), body: &body });
        Ok(())
    }

    async fn ask(&self, request: &Request, why: Why) -> Result<Response, Failure> {
        let Some(driver) = self.driver() else { return Err(gone()) };
        let url = driver.url(&request.path());
        let custom = driver.host().fetch();
        if custom.is_none() {
            check(&url)?;
        }
        let headers = self.headers(&driver, request, why).await?;
        if self.driver().is_none() {
            return Err(gone());
        }
        let init = self.init(request, &headers, driver.credentials());
        drop(driver);
        let promise = match custom {
            Some(fetch) => host::call(&fetch, &url, &init),
            None => global_fetch(&url, &init),
        };
        response(JsFuture::from(promise.map_err(network)?).await.map_err(network)?)
    }

    fn init(&self, request: &Request, headers: &Headers, credentials: Option<&str>) -> RequestInit {
        let init = RequestInit::new();
        init.set_method(request.method());
        init.set_headers(headers);
        // What a cache holds of a stream or of a session is the past.
        init.set_cache(RequestCache::NoStore);
        if let Some(body) = request.body() {
            init.set_body(&body.into());
        }
        if let Some(credentials) = credentials {
            let _ = Reflect::set(&init, &"credentials".into(), &credentials.into());
        }
        init.set_signal(self.controller.as_ref().map(AbortController::signal).as_ref());
        init
    }

    /// Ours first, so that the app's may replace them.
    async fn headers(&self, driver: &Driver, request: &Request, why: Why) -> Result<Headers, Failure> {
        let headers = Headers::new().map_err(refused)?;
        let accept = if request.expects_stream() { "text/event-stream" } else { "application/json" };
        headers.set("accept", accept).map_err(refused)?;
        if request.body().is_some() {
            headers.set("content-type", "application/json").map_err(refused)?;
        }
        let given = driver.host().headers(name(why)).map_err(refused)?;
        for pair in Array::from(&JsFuture::from(given).await.map_err(refused)?) {
            let pair = Array::from(&pair);
            let (name, value) = (pair.get(0).as_string().unwrap_or_default(), pair.get(1).as_string());
            headers.set(&name, &value.unwrap_or_default()).map_err(refused)?;
        }
        Ok(headers)
    }

    async fn stream(&self, response: &Response) -> Result<(), Failure> {
        let call = self.clone();
        self.read(response, move |bytes| call.tell(Input::Bytes { attempt: call.attempt, bytes })).await?;
        self.finish(Input::Ended { attempt: self.attempt });
        Ok(())
    }

    async fn collect(&self, response: &Response, limit: usize) -> Result<Vec<u8>, Failure> {
        let body = Rc::new(RefCell::new(Vec::new()));
        let kept = body.clone();
        self.read(response, move |bytes| {
            let mut body = kept.borrow_mut();
            body.extend_from_slice(bytes);
            if body.len() < limit { Flow::Go } else { Flow::Enough }
        })
        .await?;
        let mut body = body.take();
        body.truncate(limit);
        Ok(body)
    }

    /// Reads the body to its end, or until nobody wants more. Each read is copied once, into one buffer that is kept.
    async fn read(&self, response: &Response, mut take: impl FnMut(&[u8]) -> Flow + 'static) -> Result<(), Failure> {
        let Some(body) = property(response, "body").filter(JsValue::is_object) else { return Ok(()) };
        let Some(driver) = self.driver.upgrade() else { return Err(gone()) };
        let mut buffer = Vec::new();
        let take = Closure::new(move |bytes: Uint8Array| {
            buffer.resize(bytes.length() as usize, 0);
            bytes.copy_to(&mut buffer);
            matches!(take(&buffer), Flow::Go)
        });
        let pumped = driver.host().pump(&body, &take);
        drop(driver);
        JsFuture::from(pumped.map_err(network)?).await.map_err(network)?;
        Ok(())
    }

    fn driver(&self) -> Option<Rc<Driver>> {
        self.driver.upgrade().filter(|driver| driver.is_open(self.attempt))
    }

    fn tell(&self, input: Input<'_>) -> Flow {
        let Some(driver) = self.driver() else { return Flow::Enough };
        driver.handle(input);
        if driver.is_open(self.attempt) { Flow::Go } else { Flow::Enough }
    }

    fn finish(&self, input: Input<'_>) {
        if let Some(driver) = self.driver() {
            driver.end(self.attempt, input);
        }
    }
}

/// Whether more of a body is wanted.
enum Flow {
    Go,
    Enough,
}

/// The parts of a [`Head`], owned.
struct Answer {
    status: u16,
    content_type: String,
    task: Option<String>,
    retry_after: Option<String>,
    date: Option<String>,
    redirect: Redirect,
}

impl Answer {
    fn of(response: &Response) -> Self {
        let headers = response.headers();
        let header = |name| headers.get(name).ok().flatten();
        Self {
            status: response.status(),
            content_type: header("content-type").unwrap_or_default(),
            task: header("x-task-id"),
            retry_after: header("retry-after"),
            date: header("date"),
            redirect: if response.redirected() { Redirect::Followed } else { Redirect::None },
        }
    }

    fn head(&self) -> Head<'_> {
        Head {
            status: self.status,
            content_type: &self.content_type,
            task: self.task.as_deref(),
            retry_after: self.retry_after.as_deref(),
            date: self.date.as_deref(),
            redirect: self.redirect,
        }
    }
}

/// An app's `fetch` may give anything; what is not shaped like a response would throw later, where nobody catches.
fn response(given: JsValue) -> Result<Response, Failure> {
    let headers = property(&given, "headers").and_then(|headers| property(&headers, "get"));
    let status = property(&given, "status").and_then(|status| status.as_f64());
    match (headers, status) {
        (Some(get), Some(_)) if get.is_function() => Ok(given.unchecked_into()),
        _ => Err(Failure::Network("The app's fetch gave something else than a Response.".into())),
    }
}

/// `fetch` rejects a bad URL with the same `TypeError` as a network that is down; only one of them is worth a retry.
fn check(url: &str) -> Result<(), Failure> {
    let parsed = match base() {
        Some(base) => Url::new_with_base(url, &base),
        None => Url::new(url),
    };
    let usable = |url: &Url| matches!(url.protocol().as_str(), "http:" | "https:") && url.username().is_empty();
    parsed
        .ok()
        .filter(usable)
        .map(drop)
        .ok_or_else(|| Failure::InvalidUrl([url, " is no URL that can be fetched from here: set baseUrl."].concat()))
}

fn base() -> Option<String> {
    let global = js_sys::global();
    let document = property(&global, "document").filter(JsValue::is_object);
    let location = property(&global, "location").filter(JsValue::is_object);
    let uri = document.and_then(|document| property(&document, "baseURI"));
    uri.or_else(|| property(&location?, "href"))?.as_string()
}

fn name(why: Why) -> &'static str {
    match why {
        Why::Send => "send",
        Why::Resume => "resume",
        Why::Unauthorized => "unauthorized",
    }
}

fn gone() -> Failure {
    Failure::Network("The request was given up.".into())
}

fn network(error: JsValue) -> Failure {
    Failure::Network(message(&error))
}

fn refused(error: JsValue) -> Failure {
    Failure::Headers(message(&error))
}

/// What a thrown value says of itself, without running code of it that may throw.
fn message(error: &JsValue) -> String {
    let message = property(error, "message").and_then(|message| message.as_string());
    message.or_else(|| error.as_string()).unwrap_or_else(|| "It failed without saying why.".into())
}
