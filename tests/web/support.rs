//! A client with a face that the test plays, and ways to change the browser for a moment.

use std::cell::RefCell;
use std::rc::Rc;

use gloo_timers::future::TimeoutFuture;
use js_sys::{Array, Function, Object, Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::bindings::client::Engine;
use crate::client::io::{Author, Trigger};

/// A client, and the notices that it sent.
pub struct Client {
    pub engine: Rc<Engine>,
    pub session: String,
    pub face: JsValue,
    _take: Closure<dyn FnMut(u32, Vec<u8>) -> bool>,
}

impl Client {
    /// Makes a client with short delays. `members` is the JavaScript of further options.
    pub async fn new(base_url: &str, members: &str) -> Self {
        let options = eval(&format!(
            "({{ baseUrl: {base_url:?}, storage: 'memory', crossTab: false, seed: 1, \
               retry: {{ initialDelayMs: 5, maxRetries: 2 }}, {members} }})"
        ));
        Self::of(options, new_session().await)
    }

    /// Makes a client with these options.
    pub fn of(options: JsValue, session: String) -> Self {
        let slot: Rc<RefCell<Option<Rc<Engine>>>> = Rc::default();
        let taker = slot.clone();
        let take = Closure::new(move |attempt, bytes: Vec<u8>| {
            let engine = taker.borrow().clone();
            engine.is_some_and(|engine| engine.take(attempt, &bytes))
        });
        let face = face(take.as_ref());
        let engine = Rc::new(Engine::new(options, face.clone().unchecked_into()));
        slot.replace(Some(engine.clone()));
        engine.begin();
        engine.run();
        Self { engine, session, face, _take: take }
    }

    /// Sends a message.
    pub fn start(&self, message: &str) {
        let id = format!("m-{}", js_sys::Math::random());
        let request = Object::new();
        let _ = Reflect::set(&request, &"message".into(), &message.into());
        let _ = Reflect::set(&request, &"messageId".into(), &id.into());
        self.engine.start(&self.session, 1, Author::User, Trigger::Submit, &request);
    }

    /// Sends a message and returns the outcome of its stream.
    pub async fn send(&self, message: &str) -> JsValue {
        self.start(message);
        self.outcome().await
    }

    /// Returns the outcome of the stream.
    pub async fn outcome(&self) -> JsValue {
        self.until(|client| !client.resolved().is_undefined()).await;
        self.resolved()
    }

    /// Returns the number of saved tasks.
    pub fn tasks(&self) -> u32 {
        self.engine.active_tasks().unchecked_into::<Array>().length()
    }

    /// Delivers rows as the face in TypeScript does until a condition holds. Gives up after ten seconds.
    pub async fn until(&self, is_so: impl Fn(&Self) -> bool) {
        for _ in 0..2_000 {
            self.engine.take_due(&self.session, f64::INFINITY);
            self.engine.delivered(&self.session);
            if is_so(self) {
                return;
            }
            TimeoutFuture::new(5).await;
        }
        panic!("it did not come to be");
    }

    fn resolved(&self) -> JsValue {
        let notices: Array = get(&self.face, "notices").unchecked_into();
        let resolved =
            notices.iter().find(|notice| get(notice, "kind") == "resolve" && get(notice, "outcome").is_object());
        resolved.map_or(JsValue::UNDEFINED, |notice| get(&notice, "outcome"))
    }
}

/// Makes the face that `js/streams/client.ts` passes to the shell. `take` gets the bytes of bodies.
pub fn face(take: &JsValue) -> JsValue {
    let pump = option_env!("REJOIN_TEST_PUMP").unwrap_or("throw new Error('npm test gives the pump')");
    let make = Function::new_with_args(
        "take",
        &format!(
            "{pump}; return {{ notices: [], notify(notices) {{ this.notices.push(...notices) }}, deliver() {{}}, \
             pump: (attempt, body) => pump.pump(body, (bytes) => take(attempt, bytes)), collect: pump.collect, \
             call: async (run, ...given) => (await undefined, run(...given)) }}"
        ),
    );
    make.call1(&JsValue::UNDEFINED, take).unwrap()
}

/// Returns the code of an outcome's error.
pub fn code(outcome: &JsValue) -> String {
    let error = get(outcome, "error");
    if error.is_object() { get(&error, "code").as_string().unwrap() } else { String::new() }
}

/// Returns the kind of an outcome or of any other record.
pub fn kind(outcome: &JsValue) -> String {
    get(outcome, "kind").as_string().unwrap()
}

pub fn get(of: &JsValue, name: &str) -> JsValue {
    Reflect::get(of, &name.into()).unwrap()
}

pub fn server() -> String {
    format!("{}/api/chat", option_env!("REJOIN_TEST_URL").unwrap_or("http://127.0.0.1:8787"))
}

pub async fn new_session() -> String {
    let created = eval(&format!("fetch('{}/sessions', {{ method: 'POST' }}).then((r) => r.json())", server()));
    let session = JsFuture::from(created.unchecked_into::<Promise>()).await.expect("the server is there");
    get(&session, "id").as_string().unwrap()
}

pub fn eval(code: &str) -> JsValue {
    let run = Function::new_no_args(&format!("return {code}"));
    Reflect::apply(&run, &JsValue::UNDEFINED, &Array::new()).unwrap()
}

/// Replaces a property of the browser until this is dropped.
pub struct Bent {
    owner: Object,
    name: &'static str,
    own: JsValue,
}

impl Bent {
    /// Replaces a property. `owner` is JavaScript, and `getter` is the body of a function.
    pub fn new(owner: &str, name: &'static str, getter: &str) -> Self {
        let owner: Object = eval(owner).unchecked_into();
        let own = Object::get_own_property_descriptor(&owner, &name.into());
        let descriptor = eval(&format!("({{ configurable: true, get() {{ {getter} }} }})"));
        Object::define_property(&owner, &name.into(), &descriptor.unchecked_into());
        Self { owner, name, own }
    }

    /// Makes reading a property throw, as in a browser that forbids something.
    pub fn throwing(owner: &str, name: &'static str) -> Self {
        Self::new(owner, name, "throw new DOMException('denied', 'SecurityError')")
    }
}

impl Drop for Bent {
    fn drop(&mut self) {
        if self.own.is_undefined() {
            Reflect::delete_property(&self.owner, &self.name.into()).unwrap();
        } else {
            Object::define_property(&self.owner, &self.name.into(), self.own.unchecked_ref());
        }
    }
}

/// Events as texts, in order.
pub type Log = Rc<RefCell<Vec<String>>>;

/// Waits until the log holds exactly these events. Gives up after ten seconds.
pub async fn wait_for(log: &Log, wanted: &[&str]) {
    for _ in 0..2_000 {
        if *log.borrow() == wanted {
            return;
        }
        TimeoutFuture::new(5).await;
    }
    panic!("the events are {:?} and not {wanted:?}", log.borrow());
}
