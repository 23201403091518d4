//! Sets of handlers are values, and every handler instance has an identity of its own.

use std::{
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures::executor::block_on;
use support::{
    FLAVORS, Faults, PATIENCE, call, everywhere, in_each_mode, on_each_runtime, read, request,
};
use tower::{BoxError, Layer, ServiceExt, service_fn};
use tower_llm_callbacks::{
    AsyncCallbackHandler, CallbackHandler, CallbackLayer, Callbacks, Event, EventKind, FaultKind,
    HttpCallbackLayer, InCurrentRun, LlmStart, Registration, Run, RunConfig, RunConfigLayer,
    RunLayer,
    handler::try_on_event,
    http_layer::HttpCallbackService,
    layer::CallbackService,
    on_event, on_event_async, on_llm_end, on_llm_start,
    scope::{AttemptsService, RunConfigService, RunContextService},
    testing::{Recorder, Script, ScriptedModel},
};

async fn ask(callbacks: &Callbacks) {
    let scripted = ScriptedModel::new(Script::answer(["Hi"]));
    let mut model = CallbackLayer::new(callbacks).layer(scripted);
    read(call(&mut model).await.unwrap()).await;
    assert!(callbacks.flush(PATIENCE).await.is_complete());
}

fn panics(name: &str) -> Registration {
    let panics = on_llm_end(|_, _| panic!("on purpose"));
    Registration::blocking(panics).name(name)
}

/// A hook applies to the handlers of the set that it is added to, before or after them, merged ones included, and to
/// no clone of the set.
#[test]
fn fault_hooks_belong_to_the_set_they_are_added_to() {
    on_each_runtime(|| async {
        let [original, clone, early, late, base_hook] = [(); 5].map(|()| Faults::default());
        let base = Callbacks::new().add(panics("base")).on_fault(base_hook.hook());
        let set = Callbacks::new().on_fault(original.hook()).add(panics("own"));
        let _changed = set.clone().on_fault(clone.hook()).blocking(on_event(|_, _| ()));
        assert_eq!(set.len(), 1);
        ask(&set).await;
        assert_eq!(original.all().len(), 1);
        clone.none();

        let merged = Callbacks::new().on_fault(early.hook()).merge(&base).on_fault(late.hook());
        ask(&merged).await;
        for faults in [&early, &late, &base_hook] {
            assert_eq!(&*faults.one().handler, "base");
        }
        ask(&base).await;
        assert_eq!((base_hook.all().len(), early.all().len(), late.all().len()), (2, 1, 1));
    });
}

/// The runtime of a set is that of its handlers, and of no clone.
#[test]
fn a_runtime_belongs_to_the_set_it_is_set_on() {
    let threads = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&threads);
    let handler = on_event_async(move |_, event| {
        if event.kind() == EventKind::LlmEnd {
            seen.lock().unwrap().push(std::thread::current().name().map(str::to_owned));
        }
        async {}
    });
    let own = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .thread_name("own")
        .build()
        .unwrap();
    let set = Callbacks::new().async_handler(handler);
    let elsewhere = set.clone().runtime(own.handle().clone());
    let caller = FLAVORS[0].runtime();
    caller.block_on(async {
        ask(&set).await;
        ask(&elsewhere).await;
        ask(&Callbacks::new().merge(&set).runtime(own.handle().clone())).await;
        ask(&Callbacks::new().runtime(own.handle().clone()).merge(set)).await;
    });
    let on_own = threads
        .lock()
        .unwrap()
        .iter()
        .map(|name| name.as_deref() == Some("own"))
        .collect::<Vec<_>>();
    assert_eq!(on_own, [false, true, true, true]);
    own.shutdown_background();
}

/// A cloned registration, and what one `Arc` is registered as twice, is one instance: wherever the sets meet.
#[test]
fn a_cloned_registration_is_one_instance() {
    in_each_mode(|mode| async move {
        let recorder = Recorder::new();
        let registration = mode.closure({
            let recorder = recorder.clone();
            move |run, event| CallbackHandler::on_event(&recorder, run, event)
        });
        let set = Callbacks::new().add(registration.clone()).add(registration.clone());
        assert_eq!(set.len(), 1);
        let scripted = ScriptedModel::new(Script::answer(["Hi"]));
        let model = CallbackLayer::new(set).layer(scripted);
        let config = RunConfig::new().callbacks(Callbacks::new().add(registration));
        let mut model = RunConfigLayer::new(config).layer(model);
        let answer = model.ready().await.unwrap();
        let answer = tower::Service::call(answer, request()).await.unwrap();
        read(answer).await;
        while recorder.terminals().is_empty() {
            tokio::task::yield_now().await;
        }
        assert_eq!(recorder.kinds().iter().filter(|kind| **kind == EventKind::LlmStart).count(), 1);
    });
}

type Job = Box<dyn FnOnce() + Send>;

/// Leaves work behind, in its scope, that runs a job later.
struct Leaves(Arc<Mutex<Option<Job>>>, Arc<Mutex<Option<Job>>>);

impl CallbackHandler for Leaves {
    fn on_llm_start(&self, _run: &Run, _start: &LlmStart) {
        let job = Arc::clone(&self.1);
        let later = move || {
            let job = job.lock().unwrap().take();
            job.unwrap()();
        };
        let later = later.in_current_run();
        *self.0.lock().unwrap() = Some(Box::new(move || later.call()));
    }
}

/// As large as [`Leaves`], so that it may be allocated where that was freed.
struct Counts(AtomicUsize, #[expect(dead_code, reason = "for its size")] usize);

impl CallbackHandler for Counts {
    fn on_llm_start(&self, _run: &Run, _start: &LlmStart) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Work that a handler left behind keeps the identity that it is compared by. A handler that is allocated after the
/// first one was freed is notified of that work's calls.
#[test]
fn an_address_is_never_the_identity_of_two_handlers() {
    for _ in 0..50 {
        let (work, job) = (Arc::default(), Arc::default());
        let leaves = Arc::new(Leaves(Arc::clone(&work), Arc::clone(&job)));
        block_on(ask_inline(leaves));
        let counts = Arc::new(Counts(AtomicUsize::new(0), 0));
        let counted = Arc::clone(&counts);
        *job.lock().unwrap() = Some(Box::new(move || block_on(ask_inline(counted))));
        let work = work.lock().unwrap().take();
        work.unwrap()();
        assert_eq!(counts.0.load(Ordering::Relaxed), 1);
    }
}

async fn ask_inline(handler: Arc<impl CallbackHandler>) {
    let scripted = ScriptedModel::new(Script::answer(["Hi"]));
    let mut model = CallbackLayer::new(Callbacks::new().inline(handler)).layer(scripted);
    read(call(&mut model).await.unwrap()).await;
}

/// A handler that returns an error is detached from the run, in every delivery, and the reason is reported.
#[test]
fn a_handler_can_fail() {
    struct Fails;
    fn outcome(event: &Event) -> Result<(), BoxError> {
        if event.kind() == EventKind::LlmNewToken {
            let cause = io::Error::new(io::ErrorKind::StorageFull, "no space left");
            return Err(Box::new(cause));
        }
        Ok(())
    }
    impl CallbackHandler for Fails {
        fn try_on_event(&self, _run: &Run, event: &Event) -> Result<(), BoxError> {
            outcome(event)
        }
    }
    impl AsyncCallbackHandler for Fails {
        async fn try_on_event(&self, _run: &Run, event: &Event) -> Result<(), BoxError> {
            tokio::task::yield_now().await;
            outcome(event)
        }
    }
    in_each_mode(|mode| async move {
        let (faults, recorder) = (Faults::default(), Recorder::new());
        let set = Callbacks::new()
            .on_fault(faults.hook())
            .add(mode.handler(Fails).name("fails"))
            .inline(recorder.clone());
        for run in 1..=2 {
            ask(&set).await;
            while faults.all().len() < run {
                tokio::task::yield_now().await;
            }
            let fault = faults.all()[run - 1].clone();
            assert_eq!(
                (fault.kind, fault.event),
                (FaultKind::Failed, Some(EventKind::LlmNewToken))
            );
            assert_eq!(fault.message.as_deref(), Some("no space left"));
            let text = fault.to_string();
            assert!(text.contains("`fails` failed on llm_new_token"), "{text}");
            assert!(text.ends_with(": no space left"), "{text}");
        }
        assert_eq!(recorder.terminals().len(), 2);
    });
    // `abort_on_fault` applies to failures too.
    on_each_runtime(|| async {
        let callbacks = Callbacks::new().add(Registration::inline(Fails).abort_on_fault());
        let scripted = ScriptedModel::new(Script::answer(["Hi"]));
        let mut model = CallbackLayer::new(callbacks).layer(scripted);
        let (_, error) = read(call(&mut model).await.unwrap()).await;
        assert!(error.unwrap().to_string().contains("failed"), "the call is aborted");
    });
}

#[test]
fn a_closure_is_named_by_its_place() {
    on_each_runtime(|| async {
        let faults = Faults::default();
        let line = line!() + 1;
        let closure = on_llm_start(|_, _| panic!("on purpose"));
        let fallible = try_on_event(|_, _| Err("on purpose".into()));
        let set = Callbacks::new().on_fault(faults.hook()).blocking(closure).inline(fallible);
        ask(&set).await;
        let mut names: Vec<_> =
            faults.all().iter().map(|fault| fault.handler.to_string()).collect();
        names.sort();
        let here = |line: u32| format!("closure at {}:{line}", file!());
        assert_eq!(names, [here(line), here(line + 1)]);
    });
}

/// The wrappers of a handler have its name.
#[test]
fn a_shared_handler_has_its_types_name() {
    struct Mine;
    impl CallbackHandler for Mine {}
    let registration = format!("{:?}", Registration::blocking(Arc::new(Some(Mine))));
    assert!(registration.contains("::Mine\""), "{registration}");
}

/// Every service can be created without its layer, and gives access to the inner one.
#[test]
fn services_have_the_methods_of_towers_services() {
    macro_rules! check {
        ($service:expr) => {{
            let mut service = $service;
            assert_eq!(service.get_ref(), &7);
            *service.get_mut() += 1;
            assert_eq!(service.into_inner(), 8);
        }};
    }
    let callbacks = Callbacks::new();
    check!(CallbackService::new(7, &callbacks));
    check!(CallbackService::new(7, callbacks.clone()));
    check!(HttpCallbackService::new(7, &callbacks));
    check!(HttpCallbackLayer::new(&callbacks).layer(7));
    check!(RunLayer::chain("chain").callbacks(callbacks).layer(7));
    check!(AttemptsService::new(7));
    check!(RunConfigService::new(7, RunConfig::new()));
    check!(RunContextService::new(7));
}

/// The services' own `oneshot` can be spawned, also over boxed errors.
#[test]
fn oneshot_can_be_spawned() {
    everywhere(|recorders| async move {
        let http = service_fn(|_: http::Request<_>| async {
            Ok::<_, BoxError>(http::Response::new(String::new()))
        });
        let service = HttpCallbackService::new(http, &recorders.callbacks);
        let request = http::Request::new(String::new());
        let checked = service.checked::<http::Request<String>>();
        assert!(tokio::spawn(checked.oneshot(request)).await.unwrap().is_ok());
        recorders.nothing();
    });
}
