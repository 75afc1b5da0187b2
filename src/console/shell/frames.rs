//! When a frame is drawn: at once where nothing was drawn a moment ago, else as soon as it may be.
//!
//! Owns the one timer of the loop and the taking of everything that has happened. There is no tick:
//! without a change nothing wakes. Must not know what is drawn or what happens.

use std::time::Duration;

use tokio::time::Instant;

/// Frames are at least this far apart.
pub const SPACING: Duration = Duration::from_millis(16);

/// The frames drawn and wanted.
#[derive(Debug, Default)]
pub struct Frames {
    last: Option<Instant>,
    wanted: bool,
}

impl Frames {
    /// Something changed.
    pub const fn want(&mut self) {
        self.wanted = true;
    }

    /// When the frame that is wanted may be drawn, `now` at the earliest; `None` where none is.
    pub fn at(&self, now: Instant) -> Option<Instant> {
        let next = self.last.map_or(now, |last| last + SPACING);
        self.wanted.then(|| next.max(now))
    }

    /// True where a frame is to be drawn now; it then counts as drawn.
    pub fn take(&mut self, now: Instant) -> bool {
        let due = self.at(now).is_some_and(|at| at <= now);
        if due {
            self.wanted = false;
            self.last = Some(now);
        }
        due
    }

    /// A frame is drawn outside of the order: nothing is left of the one before.
    pub const fn anew(&mut self) {
        self.last = None;
        self.wanted = true;
    }
}

/// Where things happen.
pub trait Source {
    /// What happens.
    type Item;
    /// The next thing; `None` once nothing can happen any more. Dropped without loss.
    async fn next(&mut self) -> Option<Self::Item>;
}

/// Why the loop goes on.
#[derive(Debug, PartialEq, Eq)]
pub enum Woken<T> {
    /// This happened.
    Happened(T),
    /// The frame that is wanted may be drawn.
    Frame,
    /// The time is to be told.
    Clock,
    /// Nothing can happen any more.
    Gone,
}

/// Waits until something happens, a frame may be drawn or the `clock` is due: one timer, the
/// earlier of the two.
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

/// What has happened already; `None` where nothing has. Polled with the task's own waker: an event
/// stream keeps the first one that it is given, and with any other the next key would wake nobody.
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

    /// What a loop on `source` did until it was gone.
    #[derive(Debug, Default, PartialEq)]
    struct Did {
        frames: Vec<u64>,
        wake_ups: usize,
        taken: usize,
        told: usize,
    }

    /// The loop of the console, in which every item changes something but odd ones.
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
        // The first one, the burst at once, and the second burst as soon as it may be.
        assert_eq!(did.frames, [0, 100, 116]);
        // A burst each, the frame that waited, the end.
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
