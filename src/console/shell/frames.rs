//! Schedules frames: at once if none was drawn a moment ago, else as soon as the spacing allows.
//!
//! Holds the only timer of the loop and collects all pending input. There is no tick: an idle
//! console does not wake up.

use std::time::Duration;

use tokio::time::Instant;

/// Least time between two frames.
pub const SPACING: Duration = Duration::from_millis(16);

/// The last frame drawn and the next one requested.
#[derive(Debug, Default)]
pub struct Frames {
    last: Option<Instant>,
    wanted: bool,
}

impl Frames {
    /// Requests a frame.
    pub const fn want(&mut self) {
        self.wanted = true;
    }

    /// Returns when the requested frame may be drawn, `now` at the earliest; `None` if none is
    /// requested.
    pub fn at(&self, now: Instant) -> Option<Instant> {
        let next = self.last.map_or(now, |last| last + SPACING);
        self.wanted.then(|| next.max(now))
    }

    /// Returns true if a frame is due now; it then counts as drawn.
    pub fn take(&mut self, now: Instant) -> bool {
        let due = self.at(now).is_some_and(|at| at <= now);
        if due {
            self.wanted = false;
            self.last = Some(now);
        }
        due
    }

    /// Notes a frame drawn outside the schedule: the previous one is discarded.
    pub const fn anew(&mut self) {
        self.last = None;
        self.wanted = true;
    }
}

/// A source of input.
pub trait Source {
    /// The input.
    type Item;
    /// Returns the next item; `None` once the source has ended. Cancel safe.
    async fn next(&mut self) -> Option<Self::Item>;
}

/// Why the loop woke up.
#[derive(Debug, PartialEq, Eq)]
pub enum Woken<T> {
    /// An item arrived.
    Happened(T),
    /// The requested frame is due.
    Frame,
    /// The clock is due.
    Clock,
    /// The source has ended.
    Gone,
}

/// Waits until an item arrives, a frame is due or the `clock` is due: one timer, for the earlier of
/// the two.
pub async fn wait<S: Source>(source: &mut S, frames: &Frames, clock: Option<Instant>) -> Woken<S::Item> {
    let frame = frames.at(Instant::now());
    let timer = async {
        match [frame, clock].into_iter().flatten().min() {
            Some(at) => tokio::time::sleep_until(at).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        next = source.next() => next.map_or(Woken::Gone, Woken::Happened),
        () = timer => match (frame, clock) {
            (Some(frame), Some(clock)) if clock < frame => Woken::Clock,
            (Some(_), _) => Woken::Frame,
            (None, _) => Woken::Clock,
        },
    }
}

/// Returns an item that is already available, else `None`. Polled with the task's own waker: an
/// event stream keeps the first waker it gets, and with any other one the next key would not wake
/// the task.
pub async fn ready<S: Source>(source: &mut S) -> Option<Woken<S::Item>> {
    tokio::select! {
        biased;
        next = source.next() => Some(next.map_or(Woken::Gone, Woken::Happened)),
        () = std::future::ready(()) => None,
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;
    use tokio::time::sleep;

    use super::*;

    impl Source for mpsc::Receiver<u32> {
        type Item = u32;
        async fn next(&mut self) -> Option<u32> {
            self.recv().await
        }
    }

    /// What a loop on `source` did until it ended.
    #[derive(Debug, Default, PartialEq)]
    struct Did {
        frames: Vec<u64>,
        wake_ups: usize,
        taken: usize,
        told: usize,
    }

    /// The loop of the console, in which every item except odd ones changes something.
    async fn turn(mut source: mpsc::Receiver<u32>, every: Option<Duration>) -> Did {
        let begun = Instant::now();
        let mut frames = Frames::default();
        let mut did = Did::default();
        let mut clock = every.map(|every| begun + every);
        frames.want();
        loop {
            if frames.take(Instant::now()) {
                did.frames.push(begun.elapsed().as_millis() as u64);
            }
            let mut woken = Some(wait(&mut source, &frames, clock).await);
            did.wake_ups += 1;
            while let Some(now) = woken {
                match now {
                    Woken::Gone => return did,
                    Woken::Frame => break,
                    Woken::Clock => {
                        did.told += 1;
                        clock = every.map(|every| Instant::now() + every);
                        break;
                    }
                    Woken::Happened(item) => {
                        did.taken += 1;
                        if item % 2 == 0 {
                            frames.want();
                        }
                    }
                }
                woken = ready(&mut source).await;
            }
        }
    }

    #[test]
    fn the_first_frame_is_drawn_at_once_by_a_clock_that_runs() {
        let mut frames = Frames::default();
        let now = Instant::now();
        assert!(!frames.take(now));
        frames.want();
        assert!(frames.take(now));
        frames.want();
        assert!(!frames.take(now + SPACING / 2));
        assert!(frames.take(now + SPACING));
        frames.anew();
        assert!(frames.take(now + SPACING));
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_one_frame_and_what_follows_at_once_one_more() {
        let (sender, source) = mpsc::channel(1000);
        let looping = tokio::spawn(turn(source, None));
        sleep(Duration::from_millis(100)).await;
        for at in 0..100 {
            sender.try_send(at).unwrap();
        }
        sleep(Duration::from_millis(1)).await;
        for at in 0..100 {
            sender.try_send(at).unwrap();
        }
        sleep(Duration::from_secs(10)).await;
        drop(sender);
        let did = looping.await.unwrap();
        assert_eq!(did.taken, 200);
        // The first frame, the burst at once, and the second burst after the spacing.
        assert_eq!(did.frames, [0, 100, 116]);
        // One for each burst, one for the waiting frame, one for the end.
        assert_eq!(did.wake_ups, 4);
    }

    #[tokio::test(start_paused = true)]
    async fn a_steady_stream_is_drawn_sixty_times_a_second_and_starves_nothing() {
        let (sender, source) = mpsc::channel(10);
        let looping = tokio::spawn(turn(source, Some(Duration::from_millis(400))));
        for at in 0..1000 {
            sender.send(2 * at).await.unwrap();
            sleep(Duration::from_millis(1)).await;
        }
        drop(sender);
        let did = looping.await.unwrap();
        assert_eq!(did.taken, 1000);
        assert!((60..=64).contains(&did.frames.len()), "{}", did.frames.len());
        assert!(did.frames.windows(2).all(|pair| pair[1] - pair[0] >= 16));
        assert_eq!(did.told, 2, "the clock is told beside it");
    }

    #[tokio::test(start_paused = true)]
    async fn what_changes_nothing_is_not_drawn_and_idle_wakes_for_the_clock_only() {
        let (sender, source) = mpsc::channel(10);
        let looping = tokio::spawn(turn(source, Some(Duration::from_secs(60))));
        sleep(Duration::from_secs(1)).await;
        for _ in 0..5 {
            sender.send(1).await.unwrap();
            sleep(Duration::from_millis(100)).await;
        }
        sleep(Duration::from_secs(600)).await;
        drop(sender);
        let did = looping.await.unwrap();
        assert_eq!(did.frames, [0]);
        assert_eq!((did.taken, did.told), (5, 10));
        assert_eq!(did.wake_ups, 5 + 10 + 1);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_clock_nothing_wakes_at_all() {
        let (sender, source) = mpsc::channel(10);
        let looping = tokio::spawn(turn(source, None));
        sleep(Duration::from_secs(86_400)).await;
        drop(sender);
        let did = looping.await.unwrap();
        assert_eq!((did.frames.len(), did.wake_ups), (1, 1));
    }
}
