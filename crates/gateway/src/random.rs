//! Random bytes for ids and secrets. They are the operating system's own, fetched for many at once:
//! a call for each of the ids of a new connection costs more than all else about them.

use std::cell::RefCell;

/// Bytes fetched at once, by each thread that needs some.
const FETCHED_BYTES: usize = 1_024;

/// The letters of URL-safe base64, six bits each.
const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Random bytes of one thread that nobody has had yet.
struct Pool {
    bytes: [u8; FETCHED_BYTES],
    /// Those before it were handed out, and are wiped.
    next: usize,
}

thread_local! {
    static POOL: RefCell<Pool> =
        const { RefCell::new(Pool { bytes: [0; FETCHED_BYTES], next: FETCHED_BYTES }) };
}

impl Pool {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        const { assert!(N <= FETCHED_BYTES, "so many are never there at once") };
        if FETCHED_BYTES - self.next < N {
            getrandom::fill(&mut self.bytes).expect("the operating system has randomness");
            self.next = 0;
        }
        let mut taken = [0; N];
        taken.swap_with_slice(&mut self.bytes[self.next..self.next + N]);
        self.next += N;
        taken
    }
}

/// `N` bytes that nobody can guess, and that nobody else gets.
///
/// # Panics
/// Where the operating system has no randomness.
#[must_use]
pub fn random<const N: usize>() -> [u8; N] {
    POOL.with_borrow_mut(Pool::take)
}

/// `N` such letters of URL-safe base64, with six bits of randomness each.
///
/// # Panics
/// Where the operating system has no randomness.
#[must_use]
pub fn random_letters<const N: usize>() -> [u8; N] {
    let mut letters = random();
    for letter in &mut letters {
        *letter = LETTERS[usize::from(*letter % 64)];
    }
    letters
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn nothing_is_handed_out_twice_on_any_thread() {
        let draw = || (0..1_000).map(|_| random::<15>()).collect::<Vec<_>>();
        let others = std::thread::spawn(draw);
        let all: Vec<_> = draw().into_iter().chain(others.join().unwrap()).collect();
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
    }

    #[test]
    fn what_was_handed_out_is_forgotten() {
        let mut pool = Pool { bytes: [7; FETCHED_BYTES], next: 0 };
        assert_eq!(pool.take::<3>(), [7; 3]);
        assert_eq!(pool.bytes[..4], [0, 0, 0, 7]);
        pool.next = FETCHED_BYTES - 2;
        assert_ne!(pool.take::<8>(), [7; 8], "the last two are too few");
        assert_eq!(pool.next, 8);
    }

    #[test]
    fn every_letter_comes_about_equally_often() {
        let mut counts = [0_u32; 128];
        for letter in (0..640).flat_map(|_| random_letters::<100>()) {
            counts[usize::from(letter)] += 1;
        }
        for (letter, count) in counts.into_iter().enumerate() {
            let is_one = LETTERS.contains(&(letter as u8));
            // A thousand each; further off than this is less likely than a broken machine.
            let expected = if is_one { 700..1_300 } else { 0..1 };
            assert!(expected.contains(&count), "{letter}: {count}");
        }
    }
}
