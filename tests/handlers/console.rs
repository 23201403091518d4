//! Console output for people at a terminal.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use serde_json::json;
use tower::{BoxError, Layer};
use tower_llm_callbacks::{
    CallbackLayer, Callbacks, Delta, Registration, RunConfig, RunLayer, Usage,
    chat::{self, ChatRequest},
    emit,
    handlers::{ConsoleLog, ConsoleTarget, ConsoleTokens, PrintTrees},
    testing::{Script, ScriptedModel},
};

/// Keeps what is written, or fails every write.
#[derive(Clone, Default)]
struct Screen {
    text: Arc<Mutex<Vec<u8>>>,
    broken: bool,
}

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.broken {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.text.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Screen {
    /// The text on the screen, with times masked.
    fn text(&self) -> String {
        let text = String::from_utf8(self.text.lock().unwrap().clone()).unwrap();
        let mut out = String::new();
        for word in text.split_inclusive([' ', '\n', ',', ':']) {
            let number = word.trim_end_matches([' ', ',', ':', '\n']);
            let time = number.parse::<f64>().is_ok() && word.ends_with(' ');
            out.push_str(if time && out.ends_with("after ") { "N " } else { word });
        }
        out.replace("N s", "T").replace("N ms", "T")
    }
}

fn answer() -> Script {
    Script::new()
        .respond()
        .chunk(Delta::Reasoning { choice: 0, text: "hm".into() })
        .text("Why can't\n")
        .text("a \x1b[2Jbicycle")
        .chunk(Delta::Usage { usage: Usage::new(7, 5), raw: None })
        .complete("stop")
}

/// A chain that asks a model and runs a tool which fails.
async fn agent(callbacks: &Callbacks) {
    let model = CallbackLayer::new(Callbacks::new()).name("model");
    let model = model.layer(ScriptedModel::new(answer()));
    let config = RunConfig::new().callbacks(callbacks);
    let chain = async {
        RunLayer::chain("agent")
            .input(|_: &()| json!("a question"))
            .run(async move {
                let answer = model.oneshot(ChatRequest::new("m-1").user("Hi \x07")).await?;
                chat::collect(answer).await?;
                let tool = RunLayer::tool("weather\n\x1b[31m").run(async {
                    emit("station", json!({"km": 3}))?;
                    Err::<(), BoxError>("it does\nnot answer".into())
                });
                let _ = tool.await;
                Ok::<_, BoxError>(())
            })
            .await
    };
    config.scope(chain).await.unwrap();
}

#[tokio::test]
async fn text_is_written_as_it_arrives() {
    let screen = Screen::default();
    let output = ConsoleTokens::new(ConsoleTarget::new(screen.clone()));
    let callbacks = Callbacks::new().add(Registration::blocking(output).lockstep());
    let layer = CallbackLayer::new(callbacks);
    for _ in 0..2 {
        let model = layer.layer(ScriptedModel::new(answer()));
        chat::collect(model.oneshot(ChatRequest::new("m")).await.unwrap()).await.unwrap();
    }
    // The target is not a terminal, so the text is passed through unescaped.
    let once = "Why can't\na \x1b[2Jbicycle\n";
    assert_eq!(screen.text(), once.repeat(2));
    // An answer without text prints no line.
    let model = layer.layer(ScriptedModel::new(Script::new().respond().complete("stop")));
    chat::collect(model.oneshot(ChatRequest::new("m")).await.unwrap()).await.unwrap();
    assert_eq!(screen.text(), once.repeat(2));
}

#[tokio::test]
async fn the_log_has_one_line_per_event() {
    let screen = Screen::default();
    let callbacks = Callbacks::new().blocking(ConsoleLog::new(ConsoleTarget::new(screen.clone())));
    agent(&callbacks).await;
    assert_eq!(
        screen.text(),
        "agent started (chain)\n\
        \x20 model started (llm) m-1\n\
        \x20 model ended after T, 7 → 5 tokens, stop\n\
        \x20 weather \u{fffd}[31m started (tool)\n\
        \x20 weather \u{fffd}[31m emitted station\n\
        \x20 weather \u{fffd}[31m failed after T: failed: it does not answer\n\
        agent ended after T\n"
    );
}

#[tokio::test]
async fn content_is_cut_at_the_limit() {
    let screen = Screen::default();
    let log = ConsoleLog::new(ConsoleTarget::new(screen.clone())).content(12);
    agent(&Callbacks::new().blocking(log)).await;
    let text = screen.text();
    for line in ["(chain) \"a question\"", "stop Why can't a …", "emitted station {\"km\":3}"] {
        assert!(text.contains(line), "{line} in {text}");
    }
    assert!(!text.contains('\x1b'));
}

#[tokio::test]
async fn trees_are_printed_once_finished() {
    let screen = Screen::default();
    let callbacks = Callbacks::new().blocking(PrintTrees::new(ConsoleTarget::new(screen.clone())));
    agent(&callbacks).await;
    agent(&callbacks).await;
    let text = screen.text();
    let lines: Vec<_> = text.lines().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(lines, ["agent", "├─", "└─", "agent", "├─", "└─"], "{text}");
    assert!(!text.contains('\x1b'));
}

#[tokio::test]
async fn colours_can_be_forced() {
    let screen = Screen::default();
    let output = ConsoleTarget::new(screen.clone()).colours(true);
    agent(&Callbacks::new().blocking(ConsoleLog::new(output))).await;
    let text = screen.text();
    assert!(text.contains("\x1b[1mmodel\x1b[0m"), "{text:?}");
    assert!(text.contains("\x1b[31mfailed\x1b[0m"), "{text:?}");
    // Escapes in users' text are replaced.
    assert!(!text.contains("\x1b[2J") && text.contains("weather \u{fffd}[31m"));
}

#[tokio::test]
async fn a_broken_pipe_is_not_a_fault() {
    let faults = Arc::new(Mutex::new(0));
    let count = Arc::clone(&faults);
    let broken = || ConsoleTarget::new(Screen { broken: true, ..Screen::default() });
    let callbacks = Callbacks::new()
        .on_fault(move |_| *count.lock().unwrap() += 1)
        .blocking(ConsoleTokens::new(broken()))
        .blocking(ConsoleLog::new(broken()))
        .blocking(PrintTrees::new(broken()));
    agent(&callbacks).await;
    assert_eq!(*faults.lock().unwrap(), 0);
}
