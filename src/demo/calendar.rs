//! When sessions start: how a day's records spread over its 24 hours.

use clap::ValueEnum;

use super::random::mix;

/// Seconds of a UTC day.
pub(super) const DAY: i64 = 86_400;

/// How many of an office day's sessions start in each UTC hour, as weights: quiet nights, busy hours.
const OFFICE_HOURS: [u64; 24] = [
    2, 1, 1, 1, 1, 2, 5, 20, 60, 90, 100, 95, 85, 90, 100, 95, 80, 60, 40, 25, 15, 8, 5, 3,
];

/// Where a burst begins: 10:20.
const BURST_START: i64 = 37_200;

/// How a day's records spread over the day (in UTC).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Profile {
    /// Quiet nights and busy hours.
    #[default]
    Office,
    /// As `office`, but a third of the day's records start between 10:20:00 and 10:29:59.
    Burst,
    /// As `office`, but a third of the day's records start in the one second 10:20:00.
    Spike,
    /// Evenly over 24 hours.
    Flat,
}

/// The spread as a piecewise linear distribution over the seconds of a day.
#[derive(Clone, Debug)]
pub(super) struct Calendar {
    pieces: Vec<Piece>,
    total: u64,
}

/// Seconds of a day with one density.
#[derive(Clone, Copy, Debug)]
struct Piece {
    start: i64,
    seconds: i64,
    weight: u64,
    /// The weight of all pieces before this one.
    before: u64,
}

impl Calendar {
    pub(super) fn new(profile: Profile) -> Self {
        let hours = match profile {
            Profile::Flat => [1; 24],
            Profile::Office | Profile::Burst | Profile::Spike => OFFICE_HOURS,
        };
        let burst_seconds = match profile {
            Profile::Office | Profile::Flat => 0,
            Profile::Burst => 600,
            Profile::Spike => 1,
        };
        let everyday: u64 = hours.iter().sum::<u64>() * 3600;
        let mut calendar = Self {
            pieces: Vec::new(),
            total: 0,
        };
        for (hour, density) in (0..).zip(hours) {
            let start = hour * 3600;
            let end = start + 3600;
            if burst_seconds == 0 || !(start..end).contains(&BURST_START) {
                calendar.push(start, 3600, density * 3600);
                continue;
            }
            let burst_end = BURST_START + burst_seconds;
            calendar.push(start, BURST_START - start, density * (BURST_START - start) as u64);
            // Half of what everything else weighs is a third of the whole.
            let others = everyday - density * burst_seconds as u64;
            calendar.push(BURST_START, burst_seconds, others / 2);
            calendar.push(burst_end, end - burst_end, density * (end - burst_end) as u64);
        }
        calendar
    }

    /// The second of the day (`0..86_400`) at which record `position` of a day's `count` starts. It grows with
    /// `position`, and `jitter` moves it by no more than the distance to the next.
    pub(super) fn second(&self, position: u64, count: u64, jitter: u32) -> i64 {
        let numerator = (u128::from(position) << 32) + u128::from(jitter);
        let at = (numerator * u128::from(self.total) / (u128::from(count.max(1)) << 32)) as u64;
        let piece = self.pieces.partition_point(|p| p.before <= at).saturating_sub(1);
        let piece = self.pieces[piece];
        let into = u128::from(at - piece.before) * piece.seconds as u128 / u128::from(piece.weight.max(1));
        piece.start + (into as i64).min(piece.seconds - 1)
    }

    fn push(&mut self, start: i64, seconds: i64, weight: u64) {
        self.pieces.push(Piece {
            start,
            seconds,
            weight,
            before: self.total,
        });
        self.total += weight;
    }
}

/// A permutation of `0..count` that needs no memory: a four-round Feistel network over the next power of four,
/// walked until the value lies in range again.
pub(super) fn shuffled(index: u64, count: u64, seed: u64) -> u64 {
    let half_bits = (64 - count.saturating_sub(1).leading_zeros()).div_ceil(2).max(1);
    let mask = (1u64 << half_bits) - 1;
    let mut value = index;
    loop {
        let (mut left, mut right) = (value >> half_bits, value & mask);
        for round in 0..4 {
            (left, right) = (right, left ^ (mix(seed ^ round, right) & mask));
        }
        value = (left << half_bits) | right;
        if value < count {
            return value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(profile: Profile, count: u64) -> Vec<i64> {
        let calendar = Calendar::new(profile);
        (0..count)
            .map(|i| calendar.second(i, count, mix(1, i) as u32))
            .collect()
    }

    #[test]
    fn starts_ascend_and_stay_within_the_day() {
        for profile in [Profile::Office, Profile::Burst, Profile::Spike, Profile::Flat] {
            for count in [1, 2, 7, 1000, 200_000] {
                let seconds = seconds(profile, count);
                assert!(seconds.is_sorted(), "{profile:?} {count}");
                assert!(
                    seconds.iter().all(|s| (0..DAY).contains(s)),
                    "{profile:?} {count}"
                );
            }
        }
    }

    #[test]
    fn a_burst_holds_a_third_of_the_day_in_ten_minutes() {
        let within = |profile, end: i64| {
            seconds(profile, 30_000)
                .iter()
                .filter(|s| (BURST_START..end).contains(*s))
                .count()
        };
        assert!((9_990..=10_010).contains(&within(Profile::Burst, BURST_START + 600)));
        assert!((9_990..=10_010).contains(&within(Profile::Spike, BURST_START + 1)));
        assert!(within(Profile::Office, BURST_START + 600) < 1_000);
    }

    #[test]
    fn nights_are_quiet() {
        let seconds = seconds(Profile::Office, 10_000);
        assert!(seconds.iter().filter(|s| **s < 6 * 3600).count() < 100);
    }

    #[test]
    fn a_shuffle_is_a_permutation() {
        for count in [1, 2, 3, 16, 17, 1000] {
            let mut seen: Vec<u64> = (0..count).map(|i| shuffled(i, count, 5)).collect();
            assert!(count < 16 || !seen.is_sorted());
            seen.sort_unstable();
            assert_eq!(seen, (0..count).collect::<Vec<_>>());
        }
    }
}
