use tower_llm_callbacks::{
    Callbacks, ContentCapture, Delta, EventData, HandlerExt, RunLayer,
    testing::{Recorder, Script, assert_promises},
};

use super::{Mode, play, tool_call, value};

#[tokio::test]
async fn content_is_limited_for_one_handler() {
    for mode in Mode::ALL {
        let (full, limited, off) = (Recorder::new(), Recorder::new(), Recorder::new());
        let callbacks = Callbacks::new()
            .add(mode.handler(full.clone()))
            .add(mode.handler(limited.clone().content(ContentCapture::Limited(5))))
            .add(mode.handler(off.clone().content(ContentCapture::Off)));
        let script = Script::new()
            .respond()
            .text("Hel")
            .text("lo, wor")
            .text("ld")
            .chunk(Delta::reasoning("because of it"))
            .complete("stop");
        play(&callbacks, script).await;
        play(&callbacks, tool_call(&[r#"{"city":"#, r#""Paris"}"#])).await;
        for recorder in [&full, &limited, &off] {
            assert_promises(&recorder.events());
            assert_eq!(recorder.events().len(), full.events().len(), "{mode:?}");
            // The texts of tokens are those of the results.
            let of_results: String = recorder
                .terminals()
                .iter()
                .flat_map(|terminal| terminal.result().unwrap().choices.clone())
                .map(|it| {
                    let arguments = it.tool_calls.iter().map(|call| &*call.arguments);
                    it.text + &it.reasoning + &arguments.collect::<String>()
                })
                .collect();
            assert_eq!(recorder.text(), of_results.replace("{}", ""), "{mode:?}");
        }
        assert_eq!(full.text(), r#"Hello, worldbecause of it{"city":"Paris"}"#);
        assert_eq!(limited.text(), r#"Hellobecau{"cit"#);
        assert_eq!(off.text(), "");
        let prompts = |recorder: &Recorder| {
            let events = recorder.events();
            let prompts = events.into_iter().filter_map(|event| match event.data {
                EventData::LlmStart(start) => Some(start.messages.get().cloned()),
                EventData::LlmEnd(end) => Some(end.request.clone()?.messages.get().cloned()),
                _ => None,
            });
            prompts.map(|prompt| prompt.map_or("null".to_owned(), |it| it.to_string())).collect()
        };
        let of = |recorder| -> Vec<String> { prompts(recorder) };
        assert!(of(&full).iter().all(|prompt| prompt.contains("Hi")), "{mode:?}");
        assert_eq!(of(&off), ["null"; 4], "{mode:?}");
    }
}

#[tokio::test]
async fn inputs_outputs_and_custom_events_are_content() {
    let off = Recorder::new();
    let callbacks = Callbacks::new().inline(off.clone().content(ContentCapture::Off));
    let tool = RunLayer::tool("send")
        .callbacks(&callbacks)
        .input(|(): &()| value())
        .output(serde_json::Value::clone);
    let run = tool.run(async {
        let run = tower_llm_callbacks::Run::current().unwrap();
        run.emit("sent", value()).unwrap();
        run.emit("count", 3).unwrap();
        Err::<serde_json::Value, _>(tower::BoxError::from("no such address: ann@example.com"))
    });
    run.await.unwrap_err();
    let events = format!("{:?}", off.events());
    assert!(!events.contains("ann"), "{events}");
    assert!(events.contains("Number(3)"), "{events}");
    assert_promises(&off.events());
}
