//! The bounded hand-over from the traffic to the recorder.
//!
//! Contract: [`Sender::offer`] never blocks and never waits for the recorder; what does not fit is refused, and the caller, who is
//! told, goes on. The bound is in bytes of recorded payload, with a small reserve so that the end of an exchange that was already
//! begun can still be told when bodies no longer fit.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How much of the bound is kept for heads and ends, as a divisor: one eighth.
const RESERVE: usize = 8;

/// With so many bytes waiting nobody waits for more.
const MUCH: usize = 1 << 20;

/// What one queued item takes up, in bytes of memory.
pub(crate) trait Weight {
    /// Bytes that count against the queue's bound while the item waits.
    fn weight(&self) -> usize;
}

struct Shared<T> {
    items: Mutex<Vec<T>>,
    filled: Condvar,
    limit: usize,
    used: AtomicUsize,
    waiting: AtomicBool,
    closed: AtomicBool,
    /// Somebody woke the recorder, maybe before it began to wait.
    woken: AtomicBool,
}

impl<T> Shared<T> {
    /// A poisoned lock only means that another thread panicked while pushing; the list itself is sound.
    fn items(&self) -> MutexGuard<'_, Vec<T>> {
        self.items.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The traffic's end of the queue. Cheap to clone.
pub(crate) struct Sender<T>(Arc<Shared<T>>);

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Sender(Arc::clone(&self.0))
    }
}

/// The recorder's end of the queue.
pub(crate) struct Receiver<T>(Arc<Shared<T>>);

/// Makes a queue that holds at most `limit` bytes of [`Weight`].
pub(crate) fn bounded<T: Weight>(limit: usize) -> (Sender<T>, Receiver<T>) {
    let shared = Arc::new(Shared {
        items: Mutex::new(Vec::new()),
        filled: Condvar::new(),
        limit,
        used: AtomicUsize::new(0),
        waiting: AtomicBool::new(false),
        closed: AtomicBool::new(false),
        woken: AtomicBool::new(false),
    });
    (Sender(Arc::clone(&shared)), Receiver(shared))
}

impl<T: Weight> Sender<T> {
    /// Queues an item if it fits beside the reserve. `false`: it was refused.
    pub(crate) fn offer(&self, item: T) -> bool {
        self.push(item, self.0.limit - self.0.limit / RESERVE)
    }

    /// Queues a head or an end: it may use the reserve too. `false`: even that is full.
    pub(crate) fn offer_small(&self, item: T) -> bool {
        self.push(item, self.0.limit)
    }

    /// Queues the one item that must not get lost, whether it fits or not. Meant for ends: there is one for each exchange that was
    /// let in, so they cannot pile up beyond the number of open connections.
    pub(crate) fn force(&self, item: T) {
        self.push(item, usize::MAX);
    }

    fn push(&self, item: T, limit: usize) -> bool {
        let weight = item.weight();
        let shared = &self.0;
        let fits = shared.used.fetch_update(Ordering::AcqRel, Ordering::Relaxed, |used| {
            used.checked_add(weight).filter(|sum| *sum <= limit)
        });
        if fits.is_err() {
            return false;
        }
        shared.items().push(item);
        // The flag saves a system call for each item while the recorder is busy anyway.
        if shared.waiting.swap(false, Ordering::AcqRel) {
            shared.filled.notify_one();
        }
        true
    }

    /// Bytes that wait at this moment.
    pub(crate) fn used(&self) -> usize {
        self.0.used.load(Ordering::Relaxed)
    }

    /// The bound in bytes.
    pub(crate) fn limit(&self) -> usize {
        self.0.limit
    }

    /// Wakes the recorder although nothing was queued.
    pub(crate) fn wake(&self) {
        let _items = self.0.items();
        self.0.woken.store(true, Ordering::Release);
        self.0.waiting.store(false, Ordering::Release);
        self.0.filled.notify_one();
    }

    /// Tells the recorder that nothing more will come.
    pub(crate) fn close(&self) {
        self.0.closed.store(true, Ordering::Release);
        self.wake();
    }
}

impl<T: Weight> Receiver<T> {
    /// Takes all that waits, in order, into `batch`, which is empty. Waits up to `patience` for the first item, and then for `gather`
    /// for more, unless there is much already, or somebody woke it.
    ///
    /// The items still count against the bound until [`Receiver::release`]: they are still in memory.
    pub(crate) fn take(&self, batch: &mut Vec<T>, patience: Duration, gather: Duration) {
        let shared = &self.0;
        let mut items = shared.items();
        let hurries = || shared.woken.load(Ordering::Acquire) || shared.closed.load(Ordering::Acquire);
        if items.is_empty() && !hurries() {
            shared.waiting.store(true, Ordering::Release);
            let waited = shared.filled.wait_timeout(items, patience);
            items = waited.unwrap_or_else(PoisonError::into_inner).0;
            shared.waiting.store(false, Ordering::Release);
        }
        if !items.is_empty() && shared.used.load(Ordering::Relaxed) < MUCH {
            let waited = shared.filled.wait_timeout_while(items, gather, |_| !hurries());
            items = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        shared.woken.store(false, Ordering::Release);
        std::mem::swap(&mut *items, batch);
    }

    /// Whether more than half of the bound waits.
    pub(crate) fn is_filling(&self) -> bool {
        self.0.used.load(Ordering::Relaxed) > self.0.limit / 2
    }

    /// Gives the room of a handled item back.
    pub(crate) fn release(&self, bytes: usize) {
        self.0.used.fetch_sub(bytes, Ordering::AcqRel);
    }

    /// Whether the traffic's end said that nothing more will come. Items may still wait.
    pub(crate) fn is_closed(&self) -> bool {
        self.0.closed.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Weight for Vec<u8> {
        fn weight(&self) -> usize {
            self.len()
        }
    }

    #[test]
    fn refuses_what_does_not_fit() {
        let (sender, receiver) = bounded::<Vec<u8>>(80);
        assert!(sender.offer(vec![0; 70]));
        assert!(!sender.offer(vec![0; 1]), "the last eighth is kept for ends");
        assert!(sender.offer_small(vec![0; 10]));
        assert!(!sender.offer_small(vec![0; 1]));
        assert_eq!(sender.used(), 80);
        sender.force(vec![0; 1]);

        let mut batch = Vec::new();
        receiver.take(&mut batch, Duration::ZERO, Duration::ZERO);
        assert_eq!(batch.len(), 3);
        assert_eq!(sender.used(), 81, "taken is not yet released");
        receiver.release(81);
        assert!(sender.offer(vec![0; 70]));
    }

    #[test]
    fn who_is_woken_before_it_waits_does_not_wait() {
        let (sender, receiver) = bounded::<Vec<u8>>(80);
        sender.wake();
        let begun = std::time::Instant::now();
        receiver.take(&mut Vec::new(), Duration::from_secs(60), Duration::from_secs(60));
        assert!(begun.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn what_gathers_is_taken_at_once_when_somebody_asks() {
        let (sender, receiver) = bounded::<Vec<u8>>(80);
        let reader = std::thread::spawn(move || {
            let mut batch = Vec::new();
            receiver.take(&mut batch, Duration::from_secs(60), Duration::from_secs(60));
            batch.len()
        });
        let begun = std::time::Instant::now();
        assert!(sender.offer(vec![1]) && sender.offer(vec![2]));
        sender.wake();
        assert_eq!(reader.join().unwrap(), 2);
        assert!(begun.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn hands_over_in_order_to_a_waiting_thread() {
        let (sender, receiver) = bounded::<Vec<u8>>(1 << 20);
        let reader = std::thread::spawn(move || {
            let mut seen = Vec::new();
            let mut batch = Vec::new();
            while !(receiver.is_closed() && batch.is_empty() && seen.len() == 1000) {
                receiver.take(&mut batch, Duration::from_secs(60), Duration::from_millis(1));
                seen.extend(batch.drain(..).map(|item| usize::from(item[0]) + usize::from(item[1]) * 256));
            }
            seen
        });
        for number in 0..1000_usize {
            assert!(sender.offer(vec![(number % 256) as u8, (number / 256) as u8]));
        }
        sender.close();
        assert_eq!(reader.join().unwrap(), (0..1000).collect::<Vec<_>>());
    }
}
