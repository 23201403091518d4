use std::sync::{Arc, Mutex};
use futures::StreamExt;
use tower::{Layer, Service, ServiceExt};
use tower_llm_callbacks::{testing::*, chat::{self, ChatRequest}, *};
use std::time::Duration;

fn set(r: &[Recorder; 7], faults: &Arc<Mutex<Vec<Fault>>>) -> Callbacks {
    let f = faults.clone();
    Callbacks::new()
        .on_fault(move |x| f.lock().unwrap().push(x.clone()))
        .inline(r[0].clone())
        .blocking(r[1].clone())
        .asynchronous(r[2].clone())
        .with(Handler::blocking(r[3].clone()).lockstep())
        .with(Handler::asynchronous(r[4].clone()).lockstep())
        .with(Handler::blocking(r[5].clone()).background())
        .with(Handler::asynchronous(r[6].clone()).background())
}
#[tokio::test]
async fn all_modes() { go().await }
#[tokio::test(flavor="multi_thread")]
async fn all_modes_mt() { go().await }
async fn go() {
    for _ in 0..200 {
    let r: [Recorder;7] = std::array::from_fn(|_| Recorder::new());
    let faults = Arc::default();
    let cb = set(&r, &faults);
    let model = ScriptedModel::new(Script::answer((0..100).map(|i| format!("t{i} "))));
    let mut m = CallbackLayer::new(cb.clone()).name("x").layer(model.clone());
    let s = m.ready().await.unwrap().call(ChatRequest::new("m").user("hi")).await.unwrap();
    let res = chat::collect(s).await.unwrap();
    // dropped
    let mut s = m.ready().await.unwrap().call(ChatRequest::new("m").user("hi")).await.unwrap();
    for _ in 0..5 { s.next().await.unwrap().unwrap(); }
    drop(s);
    let f = m.ready().await.unwrap().call(ChatRequest::new("m").user("hi"));
    drop(f);
    let rep = cb.flush(Duration::from_secs(5)).await;
    assert!(rep.is_complete(), "{rep:?}");
    for (i, r) in r.iter().enumerate() {
        assert_promises(&r.events());
        assert_eq!(r.terminals().len(), 3, "{i} {:?}", r.terminals());
        if i < 5 { assert_eq!(r.run(r.run_ids()[0]).iter().filter_map(|e| e.text()).collect::<String>(), res.text()); }
        let r2 = r.run(r.run_ids()[1]);
        assert_eq!(r2.last().unwrap().result().unwrap().text(), "t0 t1 t2 t3 t4 ", "{i}");
    }
    assert_eq!(model.live(), 0);
    assert!(faults.lock().unwrap().is_empty());
    }
}
