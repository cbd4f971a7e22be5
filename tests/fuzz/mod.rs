//! What nobody would send, sent all the same: every reader of outside text takes it or says what is wrong with it.
//!
//! `PROPTEST_CASES` sets how many cases each test tries, `FUZZ_SEED` repeats those of the tests over HTTP.

mod calls;
mod names;
mod values;

/// How many cases a test tries that has so many usually.
pub fn cases(usually: u32) -> u32 {
    std::env::var("PROPTEST_CASES").map_or(usually, |text| text.parse().expect("PROPTEST_CASES is a number"))
}

/// The same in every run unless told otherwise.
pub fn seed() -> u64 {
    let seed = std::env::var("FUZZ_SEED").map_or(6, |text| text.parse().expect("FUZZ_SEED is a number"));
    println!("FUZZ_SEED={seed}");
    seed
}
