use tower_llm_callbacks::{
    CallbackHandler, Callbacks, Delta, EventData, HandlerExt, Registration, RunLayer,
    chat::{ChatChunk, ChatRequest},
    handler::{BatchError, BatchEvent, PersonalData},
    testing::{Recorder, Script, assert_promises},
};

use super::{Mode, play, play_with, tool_call, value};

/// Texts, and what is left of them.
const TEXTS: [(&str, &str); 46] = [
    ("write to ann.b@mail.example.com.", "write to [EMAIL]."),
    ("<jörg@müller.de>, or x@y", "<[EMAIL]>, or x@y"),
    ("联系我ann@example.com吧", "联系我[EMAIL]吧"),
    ("a@b.c, not an address", "a@b.c, not an address"),
    ("mailto:ann+tag@example.co.uk?x=1", "mailto:[EMAIL]?x=1"),
    ("ann@example.com.5 is no domain", "[EMAIL].5 is no domain"),
    ("card 4111 1111 1111 1111, 12/29", "card [CARD], 12/29"),
    ("card 4111-1111-1111-1112 is wrong", "card 4111-1111-1111-1112 is wrong"),
    ("378282246310005", "[CARD]"),
    ("at 1700000000000 ms", "at 1700000000000 ms"),
    ("order 12 5555 5555 5555 4444", "order 12 [CARD]"),
    ("call +49 30 1234-567 now", "call [PHONE] now"),
    ("call (555) 123-4567", "call [PHONE]"),
    ("call 555-123-4567.", "call [PHONE]."),
    ("0171/1234567", "[PHONE]"),
    ("call 030 / 901820-12.", "call [PHONE]."),
    ("card 4111 - 1111 - 1111 - 1111", "card [CARD]"),
    ("2026 - 11 - 27 / 08:30", "2026 - 11 - 27 / 08:30"),
    ("GET /u?mail=ada%40example.org&x=1", "GET /u?mail=[EMAIL]&x=1"),
    ("50%40 is no address, 5%40x", "50%40 is no address, 5%40x"),
    ("100%40 a%40b.co%2Fx, c@d.example", "100%40 [EMAIL]%2Fx, [EMAIL]"),
    ("06 12 34 56 78", "[PHONE]"),
    ("+1 (415) 555 2671", "[PHONE]"),
    ("on 2026-11-27 at 08:30", "on 2026-11-27 at 08:30"),
    ("0.1234567890", "0.1234567890"),
    ("192.168.100.200", "192.168.100.200"),
    ("1 2 3 4 5 6 7 8 9 10 11 12 13", "1 2 3 4 5 6 7 8 9 10 11 12 13"),
    ("IBAN DE89 3704 0044 0532 0130 00 is it", "IBAN [IBAN] is it"),
    ("GB82WEST12345698765432", "[IBAN]"),
    ("gb82 west 1234 5698 7654 32", "[IBAN]"),
    ("DE88 3704 1044 1532 1130 11", "DE88 3704 1044 1532 1130 11"),
    ("sk-abcdef123456 and sk-x", "[KEY] and sk-x"),
    ("ghp_abcdefghijklmnop0123", "[KEY]"),
    ("a task-list, a risk-free ask-me", "a task-list, a risk-free ask-me"),
    ("AKIAIOSFODNN7EXAMPLE.", "[KEY]."),
    ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc", "[KEY]"),
    ("no_snake-case.word% here", "no_snake-case.word% here"),
    ("a\nb\tc  d", "a\nb\tc  d"),
    ("", ""),
    ("3", "3"),
    ("ann@example.com bob@example.org", "[EMAIL] [EMAIL]"),
    ("tel:+4915112345678;ext=1", "tel:[PHONE];ext=1"),
    ("550e8400-e29b-41d4-a716-446655440000", "550e8400-e29b-41d4-a716-446655440000"),
    ("x=1+2+3; y=(4)", "x=1+2+3; y=(4)"),
    ("98765 43210", "[PHONE]"),
    ("$ 1.234.567,89", "$ 1.234.567,89"),
];

/// A mask sees the same text, however it is cut.
#[tokio::test]
async fn personal_data_is_covered_wherever_texts_are_cut() {
    let recorder = Recorder::new();
    let callbacks = Callbacks::new().inline(recorder.clone().mask(PersonalData::new()));
    for (text, expected) in TEXTS {
        let cuts = text.char_indices().map(|(at, _)| vec![&text[..at], &text[at..]]);
        let chars = text.char_indices().map(|(at, c)| &text[at..at + c.len_utf8()]).collect();
        for pieces in cuts.chain([chars]) {
            let pieces: Vec<String> = pieces.into_iter().map(str::to_owned).collect();
            play(&callbacks, Script::answer(pieces.clone())).await;
            let run_id = *recorder.run_ids().last().unwrap();
            let events = recorder.run(run_id);
            let tokens: String = events.iter().filter_map(|event| event.text()).collect();
            let result = events.last().unwrap().result().unwrap();
            assert_eq!((&*tokens, result.text()), (expected, expected), "{pieces:?}");
            let pieces = pieces.iter().filter(|piece| !piece.is_empty()).count();
            assert_eq!(events.len(), pieces + 2, "a token was lost or added");
            assert!(events.windows(2).all(|pair| pair[0].seq < pair[1].seq));
        }
    }
    assert_promises(&recorder.events());
}

#[tokio::test]
async fn masks_work_in_every_mode_and_order_of_choices() {
    for mode in Mode::ALL {
        let recorder = Recorder::new();
        let callbacks =
            Callbacks::new().add(mode.handler(recorder.clone().mask(PersonalData::new())));
        let text =
            |choice, text: &'static str| ChatChunk::from(Delta::Text { choice, text: text.into() });
        let script = Script::new()
            .respond()
            .chunk(text(0, "I am ann"))
            .chunk(text(1, "And I am bo"))
            .chunk(Delta::reasoning("they are ann@example.com "))
            .chunk(text(1, "b@example.org, yes"))
            .chunk(text(0, "@example.com"))
            .fail("the connection of ann@example.com was reset");
        let request =
            ChatRequest::new("m").user("I am ann@example.com").system("key: sk-abcdef1234");
        play_with(&callbacks, script, request, Default::default()).await;
        let events = recorder.events();
        assert_promises(&events);
        let dump = format!("{events:?}") + &serde_json::to_string(&start(&events)).unwrap();
        assert!(!dump.contains("ann@") && !dump.contains("sk-abc"), "{mode:?}: {dump}");
        let error = events.last().unwrap().error().unwrap();
        assert!(error.message().contains("[EMAIL]"), "{mode:?}: {error}");
        let texts: Vec<_> = error.result().unwrap().choices.iter().map(|it| &*it.text).collect();
        assert_eq!(texts, ["I am [EMAIL]", "And I am [EMAIL], yes"], "{mode:?}");
        let indices: Vec<u64> = events
            .iter()
            .filter_map(|event| match &event.data {
                EventData::LlmNewToken(token) => Some(token.index()),
                _ => None,
            })
            .collect();
        assert_eq!(indices, [0, 1, 2, 3, 4], "{mode:?}");
    }
}

fn start(events: &[tower_llm_callbacks::testing::Recorded]) -> Option<&serde_json::Value> {
    match &events[0].data {
        EventData::LlmStart(start) => start.messages.get(),
        _ => None,
    }
}

/// What covers a part of a JSON text leaves it one.
#[tokio::test]
async fn tool_arguments_stay_json() {
    let recorder = Recorder::new();
    let callbacks = Callbacks::new().inline(recorder.clone().mask(PersonalData::new()));
    let pieces = [
        r#"{"to":"a"#,
        r#"nn@exam"#,
        r#"ple.com","text":"Hi\"#,
        r#"nann@example.com \u00"#,
        r#"e9","card":41111"#,
        r#"11111111111}"#,
    ];
    play(&callbacks, tool_call(&pieces)).await;
    let result = recorder.terminals()[0].result().unwrap().clone();
    let arguments = &result.choices[0].tool_calls[0].arguments;
    let parsed: serde_json::Value = serde_json::from_str(arguments).unwrap();
    let expected = serde_json::json!({"to": "[EMAIL]", "text": "Hi\n[EMAIL] é", "card": null});
    assert_eq!(parsed, expected);
    assert_eq!(recorder.text(), *arguments);
}

#[tokio::test]
async fn values_and_names_of_members_are_masked() {
    let recorder = Recorder::new();
    let callbacks = Callbacks::new().blocking(recorder.clone().mask(PersonalData::new()));
    let tool = RunLayer::tool("send")
        .callbacks(&callbacks)
        .input(|(): &()| value())
        .output(serde_json::Value::clone);
    let run = tool.run(async {
        tower_llm_callbacks::emit(
            "by",
            serde_json::json!({"ann@example.com": [4111111111111111_u64]}),
        )
        .unwrap();
        Ok::<_, tower::BoxError>(value())
    });
    run.await.unwrap();
    assert!(callbacks.flush(support::PATIENCE).await.is_complete());
    let events = format!("{:?}", recorder.events());
    assert!(!events.contains("ann") && !events.contains("4111"), "{events}");
    assert!(events.contains("[EMAIL]") && events.contains("[CARD]"), "{events}");
}

#[tokio::test]
async fn a_closure_gets_whole_texts() {
    for mode in Mode::ALL {
        let recorder = Recorder::new();
        let mask = |text: &str| text.replace("Paris", "[city]");
        let callbacks = Callbacks::new().add(mode.handler(recorder.clone().mask(mask)));
        play(&callbacks, Script::answer(["In Pa", "ri", "s it rains"])).await;
        assert_eq!(recorder.text(), "In [city] it rains", "{mode:?}");
        assert_eq!(recorder.terminals()[0].result().unwrap().text(), "In [city] it rains");
        assert_eq!(recorder.events().len(), 5);
    }
}

/// A word without an end is covered, not passed.
#[tokio::test]
async fn what_a_mask_waits_for_is_bounded() {
    let recorder = Recorder::new();
    let callbacks = Callbacks::new().inline(recorder.clone().mask(PersonalData::new()));
    let key = format!("sk-{}", "a1".repeat(2000));
    for size in [1, 7, 600, 5000] {
        let pieces = key.as_bytes().chunks(size).map(|it| String::from_utf8(it.to_vec()).unwrap());
        play(&callbacks, Script::answer(pieces.chain([" end".to_owned()]))).await;
        let result = recorder.terminals().pop().unwrap().result().unwrap().text().to_owned();
        let run_id = *recorder.run_ids().last().unwrap();
        let tokens: String =
            recorder.run(run_id).iter().filter_map(|it| it.text().map(str::to_owned)).collect();
        assert_eq!((&*tokens, &*result), ("[MASKED] end", "[MASKED] end"), "{size}");
    }
}

/// A handler that takes batches takes them behind an adaptor too; a failure in one run loses nothing of the others.
#[tokio::test]
async fn batches_pass_through() {
    struct Fails(Recorder);
    impl CallbackHandler for Fails {
        fn on_events(&self, batch: &[BatchEvent<'_>]) -> Result<(), BatchError> {
            for (nth, of) in batch.iter().enumerate() {
                if of.run.name() == "bad" && of.event.seq() == 3 {
                    return Err(BatchError::after(nth, "bad run"));
                }
                self.0.on_event(of.run, of.event);
            }
            Ok(())
        }
    }
    let recorder = Recorder::new();
    let handler = Fails(recorder.clone()).mask(PersonalData::new());
    let linger = std::time::Duration::from_millis(50);
    let handler = Registration::blocking(handler).linger(linger).threads(1);
    let callbacks = Callbacks::new().add(handler);
    let run = |name: &'static str| {
        let config = tower_llm_callbacks::RunConfig::new().run_name(name);
        let script = Script::answer(["I am ann", "@exam", "ple.com", ", and you", "?"]);
        let (callbacks, request) = (callbacks.clone(), ChatRequest::new("m").user("Hi"));
        async move { play_with(&callbacks, script, request, config).await }
    };
    let all = (0..20).map(|nth| run(if nth % 4 == 1 { "bad" } else { "good" }));
    futures::future::join_all(all).await;
    let mut good = 0;
    for run_id in recorder.run_ids() {
        let events = recorder.run(run_id);
        if events[0].name == "good" {
            assert_promises(&events);
            let text: String = events.iter().filter_map(|event| event.text()).collect();
            assert_eq!(text, "I am [EMAIL], and you?");
            good += 1;
        }
    }
    assert_eq!(good, 15);
}
