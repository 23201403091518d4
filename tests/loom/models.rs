// `loom` models of the hand-written concurrency in `src/delivery`. This file is a module of that folder:
// `RUSTFLAGS="--cfg loom" cargo test -p tower-llm-callbacks-loom`.
//
// `loom` runs each model in every order of its threads' steps that the memory orderings allow.

use std::{
    collections::VecDeque,
    sync::Arc as StdArc,
    task::{Wake, Waker},
    time::{Duration, SystemTime},
};

use loom::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};
use serde_json::Value;
use uuid::Uuid;

use super::{
    Delivery, Hooks, Settings, Slot,
    dispatch::DispatchFlag,
    queue::{BATCH, Lane, Pushed},
};
use crate::{
    event::{CustomEvent, Event, EventData, EventKind},
    handler::EventMask,
    run::{Control, Identity, Run, RunInfo, RunType},
};

/// The flag, a backlog, and a number that only the dispatching thread may count.
#[derive(Default)]
struct Dispatcher {
    flag: DispatchFlag,
    backlog: Mutex<VecDeque<usize>>,
    dispatching: AtomicBool,
    seq: AtomicUsize,
    dispatched: Mutex<Vec<usize>>,
}

impl Dispatcher {
    fn drain(&self) {
        loop {
            let Some(event) = self.backlog.lock().unwrap().pop_front() else { return };
            assert!(!self.dispatching.swap(true, Ordering::Relaxed), "two threads dispatch");
            // As `Dispatch::next_seq`: plain steps, which rely on the flag's orderings.
            let seq = self.seq.load(Ordering::Relaxed);
            self.seq.store(seq + 1, Ordering::Relaxed);
            self.dispatched.lock().unwrap().push(event);
            self.dispatching.store(false, Ordering::Relaxed);
        }
    }

    /// As `Dispatch::enqueue_all`.
    fn enqueue(&self, event: usize) {
        self.backlog.lock().unwrap().push_back(event);
        if self.flag.set_or_mark() {
            self.drain();
            while !self.flag.clear() {
                self.drain();
            }
        }
    }
}

/// Every event is dispatched once, the events of a thread in order, by one thread at a time.
#[test]
fn the_flag_admits_one_thread_and_loses_no_event() {
    loom::model(|| {
        let dispatcher = Arc::new(Dispatcher::default());
        let other = Arc::clone(&dispatcher);
        let thread = thread::spawn(move || other.enqueue(10));
        dispatcher.enqueue(0);
        dispatcher.enqueue(1);
        thread.join().unwrap();
        let dispatched = dispatcher.dispatched.lock().unwrap().clone();
        assert_eq!(dispatched.len(), 3);
        assert!(dispatched.iter().filter(|event| **event < 10).is_sorted());
        assert_eq!(dispatcher.seq.load(Ordering::Relaxed), 3, "a number was used twice");
        assert!(!dispatcher.flag.is_set());
    });
}

/// As `Dispatch::token`, which takes no lock: what a dispatching thread wrote is visible to the next one.
#[test]
fn the_flag_orders_plain_writes() {
    fn count(dispatcher: &Dispatcher) -> usize {
        if !dispatcher.flag.try_set() {
            return 0;
        }
        let seq = dispatcher.seq.load(Ordering::Relaxed);
        dispatcher.seq.store(seq + 1, Ordering::Relaxed);
        while !dispatcher.flag.clear() {}
        1
    }
    loom::model(|| {
        let dispatcher = Arc::new(Dispatcher::default());
        let other = Arc::clone(&dispatcher);
        let thread = thread::spawn(move || count(&other) + count(&other));
        let counted = count(&dispatcher) + thread.join().unwrap();
        assert_eq!(dispatcher.seq.load(Ordering::Relaxed), counted, "a number was used twice");
    });
}

/// A thread that finds the flag set is woken when it is cleared: the dispatching thread sees the mark.
#[test]
fn a_waiting_thread_marks_the_flag() {
    loom::model(|| {
        let flag = Arc::new(DispatchFlag::default());
        let other = Arc::clone(&flag);
        let dispatching = thread::spawn(move || {
            assert!(other.try_set());
            let mut marked = false;
            while !other.clear() {
                marked = true;
            }
            marked
        });
        let waits = flag.is_set();
        let wakes = dispatching.join().unwrap();
        assert!(!waits || wakes, "nothing wakes the waiting thread");
    });
}

fn run() -> Run {
    let info = RunInfo {
        run_id: Uuid::nil(),
        parents: None,
        run_type: RunType::Llm,
        name: "model".into(),
        tags: StdArc::default(),
        metadata: StdArc::default(),
        attempt: 1,
        traceparent: None,
        trace_id: None,
    };
    Run::new(info, None, None, None, None)
}

fn lane() -> Arc<Lane> {
    lane_of(1, Duration::ZERO)
}

fn lane_of(capacity: usize, linger: Duration) -> Arc<Lane> {
    let handler = (EventMask::ALL, "model".into(), Identity::unique());
    let linger = Some(linger);
    let settings = Settings { capacity, linger, ..Settings::new(Delivery::Pipelined) };
    let slot = Slot::new(handler, settings, None, false);
    Arc::new(Lane::new(StdArc::new(slot), Hooks::default(), None, &run(), false))
}

fn event(seq: u64) -> Event {
    let custom = CustomEvent::new("event", Value::Null);
    Event::new(seq, Some(SystemTime::UNIX_EPOCH), EventData::Custom(StdArc::new(custom)))
}

/// Drains a lane as an executor does, and returns the numbers of the events.
fn drain(lane: &Lane, control: &Control) -> Vec<u64> {
    let (mut batch, mut handled) = (VecDeque::new(), Vec::new());
    while lane.take(&mut batch, BATCH, control) {
        while let Some(event) = batch.pop_front() {
            if lane.is_detached() {
                return handled;
            }
            lane.begin(event.kind(), control);
            handled.push(event.seq());
            lane.finish_one(EventKind::LlmNewToken);
        }
    }
    handled
}

/// A drain is started whenever events are left in an idle lane, and every event is handled once, in order.
#[test]
fn a_lane_hands_over_every_event() {
    loom::model(|| {
        let (lane, control) = (lane(), StdArc::new(Control::default()));
        let mut drains = Vec::new();
        for seq in 0..2 {
            match lane.push(event(seq)) {
                Pushed::Start => {
                    let (lane, control) = (Arc::clone(&lane), StdArc::clone(&control));
                    drains.push(thread::spawn(move || drain(&lane, &control)));
                }
                Pushed::Nothing => {}
                _ => panic!("no drain sleeps, and none lingers"),
            }
        }
        let handled = drains.into_iter().flat_map(|drain| drain.join().unwrap());
        assert_eq!(handled.collect::<Vec<_>>(), [0, 1]);
        assert!(lane.is_drained());
        assert_eq!(lane.slot.undelivered_runs(), 0);
    });
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: StdArc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// An emitter that waits for room in a queue is woken, though `Room::free` has no fence.
#[test]
fn a_wait_for_room_ends() {
    loom::model(|| {
        let (lane, control) = (lane(), StdArc::new(Control::default()));
        assert!(lane.reserve());
        assert!(matches!(lane.push(event(0)), Pushed::Start));
        let woken = StdArc::new(Woken(AtomicBool::new(false)));
        control.register(&Waker::from(StdArc::clone(&woken)));
        let (its_lane, its_control) = (Arc::clone(&lane), StdArc::clone(&control));
        let drains = thread::spawn(move || drain(&its_lane, &its_control));
        // As `Phases::poll_room`.
        let waits = lane.is_full() && {
            lane.want_room();
            lane.is_full()
        };
        drains.join().unwrap();
        assert!(
            !waits || woken.0.load(Ordering::SeqCst),
            "the emitter waits for room that there is"
        );
    });
}

/// An emitter that waits until the lane is drained is woken by the drain, or by the end of a detached handler's lane.
#[test]
fn a_wait_for_a_drained_lane_ends() {
    for detaches in [false, true] {
        loom::model(move || {
            let (lane, control) = (lane(), StdArc::new(Control::default()));
            assert!(matches!(lane.push(event(0)), Pushed::Start));
            let (its_lane, its_control) = (Arc::clone(&lane), StdArc::clone(&control));
            let other = thread::spawn(move || {
                if detaches {
                    assert!(its_lane.detach().is_some());
                    its_lane.end(&its_control);
                } else {
                    drain(&its_lane, &its_control);
                }
            });
            let woken = StdArc::new(Woken(AtomicBool::new(false)));
            let waker = Waker::from(StdArc::clone(&woken));
            control.register(&waker);
            let waits = !lane.is_drained();
            other.join().unwrap();
            assert!(!waits || woken.0.load(Ordering::SeqCst), "the emitter is not woken");
            assert!(lane.is_drained());
        });
    }
}

/// A drain and a detach at once: the lane ends once, and no event is handled after it was counted as lost.
#[test]
fn a_detached_lane_ends_once() {
    loom::model(|| {
        let (lane, control) = (lane(), StdArc::new(Control::default()));
        assert!(matches!(lane.push(event(0)), Pushed::Start));
        let (its_lane, its_control) = (Arc::clone(&lane), StdArc::clone(&control));
        let drains = thread::spawn(move || drain(&its_lane, &its_control).len() as u64);
        let lost = lane.detach().map_or(0, |detached| detached.lost);
        lane.end(&control);
        assert!(matches!(lane.push(event(1)), Pushed::Nothing), "nothing is pushed after the end");
        let handled = drains.join().unwrap();
        // The event may be in the handler's hands when the handler is detached.
        assert!((1..=2).contains(&(handled + lost)), "{handled} handled, {lost} lost");
        assert!(lane.is_drained());
        assert_eq!(lane.slot.undelivered_runs(), 0);
    });
}

/// The lanes that gather and those that are drained, as an executor has them.
#[derive(Default)]
struct Gathering {
    waiting: Vec<Arc<Lane>>,
    ready: usize,
}

impl Gathering {
    /// As `Executor::gather`.
    fn gather(this: &Mutex<Self>, lane: &Arc<Lane>) {
        let mut this = this.lock().unwrap();
        if lane.gathers() {
            this.waiting.push(Arc::clone(lane));
        } else {
            this.ready += 1;
        }
    }

    /// As `Executor::hurry`, and as the end of the linger.
    fn end(this: &Mutex<Self>) {
        let mut this = this.lock().unwrap();
        let gathered = std::mem::take(&mut this.waiting);
        this.ready += gathered.len();
        gathered.iter().for_each(|lane| lane.gathered());
    }

    fn pushed(this: &Mutex<Self>, lane: &Arc<Lane>, pushed: &Pushed) {
        match pushed {
            Pushed::Gather => Self::gather(this, lane),
            Pushed::Hurry => Self::end(this),
            Pushed::Nothing => {}
            _ => panic!("nothing else happens to such a lane"),
        }
    }
}

/// A lane that gathers and that somebody waits for is drained, though it may not be at the executor yet when that is told.
#[test]
fn a_lane_that_somebody_waits_for_gathers_no_more() {
    loom::model(|| {
        let (lane, executor) = (lane_of(8, Duration::from_secs(1)), Arc::default());
        let (its_lane, its_executor) = (Arc::clone(&lane), Arc::<Mutex<Gathering>>::clone(&executor));
        let pushes = thread::spawn(move || {
            let pushed = its_lane.push(event(0));
            Gathering::pushed(&its_executor, &its_lane, &pushed);
        });
        let waits = !lane.is_drained();
        if waits {
            Gathering::pushed(&executor, &lane, &lane.hurry());
        }
        pushes.join().unwrap();
        let executor = executor.lock().unwrap();
        assert_eq!(executor.ready + executor.waiting.len(), 1);
        assert!(!waits || executor.ready == 1, "the lane gathers, and is waited for");
    });
}

/// An event that must not wait, at the end of the linger: the lane is drained once.
#[test]
fn a_lane_is_drained_once_at_the_end_of_a_linger() {
    loom::model(|| {
        let (lane, executor) = (lane_of(4, Duration::from_secs(1)), Arc::default());
        let its_executor = Arc::<Mutex<Gathering>>::clone(&executor);
        let ends = thread::spawn(move || Gathering::end(&its_executor));
        for seq in 0..2 {
            // The second one fills half of the queue.
            Gathering::pushed(&executor, &lane, &lane.push(event(seq)));
        }
        ends.join().unwrap();
        let executor = executor.lock().unwrap();
        assert_eq!((executor.ready, executor.waiting.len()), (1, 0));
        assert!(!lane.gathers());
    });
}
