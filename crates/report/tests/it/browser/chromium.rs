//! Headless Chromium by its DevTools protocol: JSON messages that end with a zero byte, on a pipe
//! that it reads as file 3 and one that it writes as file 4. Needs no port and no driver.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::{Value, json};

/// The longest that anything may take: a page on a loaded machine opens in a second or two.
const PATIENCE: Duration = Duration::from_secs(300);

/// How a page is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// Of the window, in CSS pixels.
    pub width: u32,
    pub dark: bool,
    /// As on paper of that width.
    pub print: bool,
}

impl Look {
    pub const DESK: Self = Self {
        width: 1280,
        dark: false,
        print: false,
    };
    pub const DARK: Self = Self {
        dark: true,
        ..Self::DESK
    };
    pub const PHONE: Self = Self {
        width: 400,
        ..Self::DESK
    };
    /// A4 within margins of a centimetre, at 96 pixels an inch.
    pub const PAPER: Self = Self {
        width: 718,
        print: true,
        ..Self::DESK
    };
}

/// A browser with one page.
pub struct Browser {
    process: Child,
    input: ChildStdin,
    messages: Receiver<Value>,
    sent: u64,
    session: Option<String>,
    /// Events that no call has asked for yet.
    events: Vec<Value>,
    /// What the page's console and the browser complained of.
    pub complaints: Vec<String>,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts the program that `ABLATE_CHROMIUM` names, as `just test-page` sets it.
    pub fn start() -> Self {
        let program = std::env::var("ABLATE_CHROMIUM").unwrap_or("chromium".into());
        let profile = tempfile::tempdir().unwrap();
        // The shell puts the pipes where Chromium looks for them.
        let mut process = Command::new("sh")
            .args([
                "-c",
                r#"exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null 2>&1"#,
            ])
            .arg(&program)
            // The pages are this test's own, and a container has no other sandbox to give.
            .args(["--headless", "--no-sandbox", "--remote-debugging-pipe"])
            .args(["--disable-gpu", "--no-first-run", "--disable-extensions"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell to start Chromium");
        let input = process.stdin.take().unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            let mut message = Vec::new();
            while output
                .read_until(0, &mut message)
                .is_ok_and(|read| read > 1)
            {
                let value = serde_json::from_slice(&message[..message.len() - 1]).unwrap();
                if sender.send(value).is_err() {
                    break;
                }
                message.clear();
            }
        });
        let mut browser = Self {
            process,
            input,
            messages,
            sent: 0,
            session: None,
            events: Vec::new(),
            complaints: Vec::new(),
            _profile: profile,
        };
        let page = browser.call("Target.createTarget", json!({"url": "about:blank"}));
        let attach = json!({"targetId": page["targetId"], "flatten": true});
        let session = browser.call("Target.attachToTarget", attach);
        browser.session = Some(session["sessionId"].as_str().unwrap().into());
        for domain in ["Page", "Runtime", "Log"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        browser.call("Performance.enable", json!({"timeDomain": "threadTicks"}));
        browser
    }

    /// Calls a method of the protocol and gives its result.
    pub fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.sent += 1;
        let mut message = json!({"id": self.sent, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            message["sessionId"] = session.as_str().into();
        }
        let mut bytes = serde_json::to_vec(&message).unwrap();
        bytes.push(0);
        self.input.write_all(&bytes).expect("Chromium runs");
        let until = Instant::now() + PATIENCE;
        loop {
            let message = self.message(until, method);
            if message["id"] == self.sent {
                assert!(message["error"].is_null(), "{method}: {}", message["error"]);
                return message["result"].clone();
            }
            self.note(message);
        }
    }

    fn message(&self, until: Instant, what: &str) -> Value {
        let left = until.saturating_duration_since(Instant::now());
        let answer = self.messages.recv_timeout(left);
        answer.unwrap_or_else(|error| panic!("Chromium gave no answer to {what}: {error}"))
    }

    fn note(&mut self, event: Value) {
        let parameters = &event["params"];
        let complaint = match event["method"].as_str() {
            Some("Runtime.exceptionThrown") => Some(&parameters["exceptionDetails"]),
            Some("Runtime.consoleAPICalled")
                if ["error", "warning", "assert"]
                    .map(Value::from)
                    .contains(&parameters["type"]) =>
            {
                Some(&parameters["args"])
            }
            Some("Log.entryAdded") if parameters["entry"]["level"] != "verbose" => {
                Some(&parameters["entry"])
            }
            _ => None,
        };
        self.complaints.extend(complaint.map(Value::to_string));
        self.events.push(event);
    }

    /// Opens a file and waits until it is loaded.
    pub fn open(&mut self, file: &Path, look: Look) {
        self.look(look);
        self.events.clear();
        let url = format!("file://{}", file.display());
        let opened = self.call("Page.navigate", json!({ "url": url }));
        assert!(opened["errorText"].is_null(), "{opened}");
        let until = Instant::now() + PATIENCE;
        let loaded = |event: &Value| event["method"] == "Page.loadEventFired";
        while !self.events.iter().any(loaded) {
            let event = self.message(until, "Page.navigate");
            self.note(event);
        }
    }

    /// Milliseconds that the main thread has worked since the page was opened, whatever else the machine did.
    pub fn worked_ms(&mut self) -> f64 {
        let metrics = self.call("Performance.getMetrics", json!({}));
        let metrics = metrics["metrics"].as_array().unwrap().iter();
        let mut tasks = metrics.filter(|metric| metric["name"] == "TaskDuration");
        1000.0 * tasks.next().unwrap()["value"].as_f64().unwrap()
    }

    /// Changes the window, the colours or the medium of the open page.
    pub fn look(&mut self, look: Look) {
        let (width, height) = (look.width, 900);
        let metrics =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", metrics);
        let scheme = json!({"name": "prefers-color-scheme", "value": if look.dark { "dark" } else { "light" }});
        let media =
            json!({"media": if look.print { "print" } else { "screen" }, "features": [scheme]});
        self.call("Emulation.setEmulatedMedia", media);
    }

    /// Lays out all of the page at once; otherwise what is far down waits until it is scrolled to.
    pub fn lay_out(&mut self) {
        let sections = "for (const section of document.querySelectorAll('section')) \
             section.style.contentVisibility = 'visible'";
        self.value(sections);
    }

    /// The value of a JavaScript expression, or of what it promises.
    pub fn value(&mut self, expression: &str) -> Value {
        let parameters =
            json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let result = self.call("Runtime.evaluate", parameters);
        let thrown = &result["exceptionDetails"];
        assert!(thrown.is_null(), "{expression}: {thrown}");
        result["result"]["value"].clone()
    }

    /// The texts of a JavaScript list.
    pub fn texts(&mut self, expression: &str) -> Vec<String> {
        let value = self.value(expression);
        let texts = value
            .as_array()
            .unwrap_or_else(|| panic!("{expression} is {value}"));
        texts
            .iter()
            .map(|text| text.as_str().unwrap_or_default().to_string())
            .collect()
    }

    /// Presses and releases a key, by the names of `KeyboardEvent.key`.
    pub fn key(&mut self, key: &str) {
        let (code, text) = match key {
            "Tab" => (9, None),
            "Enter" => (13, Some("\r")),
            "Escape" => (27, None),
            " " => (32, Some(" ")),
            "End" => (35, None),
            "Home" => (36, None),
            "ArrowLeft" => (37, None),
            "ArrowUp" => (38, None),
            "ArrowRight" => (39, None),
            "ArrowDown" => (40, None),
            _ => panic!("no code for the key {key:?}"),
        };
        let mut event =
            json!({"type": "keyDown", "key": key, "code": key, "windowsVirtualKeyCode": code});
        if let Some(text) = text {
            event["text"] = text.into();
        }
        self.call("Input.dispatchKeyEvent", event.clone());
        event["type"] = "keyUp".into();
        self.call("Input.dispatchKeyEvent", event);
    }

    /// Types a text into what has the focus.
    pub fn type_text(&mut self, text: &str) {
        self.call("Input.insertText", json!({ "text": text }));
    }

    /// Moves the mouse over the middle of an element, and clicks if `click`.
    pub fn mouse(&mut self, element: &str, click: bool) {
        let middle = format!(
            "(() => {{ const e = {element}; e.scrollIntoView({{block: 'center', inline: 'center'}}); \
             const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; }})()"
        );
        let middle = self.value(&middle);
        let kinds: &[&str] = match click {
            true => &["mouseMoved", "mousePressed", "mouseReleased"],
            false => &["mouseMoved"],
        };
        for kind in kinds {
            let button = if *kind == "mouseMoved" {
                "none"
            } else {
                "left"
            };
            let event = json!({"type": kind, "x": middle[0], "y": middle[1], "button": button, "clickCount": 1});
            self.call("Input.dispatchMouseEvent", event);
        }
    }

    /// The whole page as PNG.
    pub fn picture(&mut self) -> Vec<u8> {
        self.bytes(
            "Page.captureScreenshot",
            json!({"captureBeyondViewport": true, "format": "png"}),
        )
    }

    /// The page as A4.
    pub fn pdf(&mut self) -> Vec<u8> {
        let margin = 1.0 / 2.54;
        self.bytes(
            "Page.printToPDF",
            json!({"paperWidth": 8.27, "paperHeight": 11.69, "marginTop": margin, "marginBottom": margin,
                "marginLeft": margin, "marginRight": margin, "preferCSSPageSize": true}),
        )
    }

    fn bytes(&mut self, method: &str, parameters: Value) -> Vec<u8> {
        let result = self.call(method, parameters);
        BASE64_STANDARD
            .decode(result["data"].as_str().unwrap())
            .unwrap()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It closes when its pipe does; a test that failed must not wait for it.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
