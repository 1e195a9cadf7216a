//! Random names and numbers.

use super::tls;

/// 32 random hexadecimal digits.
pub fn digits() -> String {
    let mut bytes = [0; 16];
    tls::provider().secure_random.fill(&mut bytes).expect("the kernel gives random bytes");
    format!("{:032x}", u128::from_be_bytes(bytes))
}

/// A random number from 0 on, below `end`.
pub fn below(end: u32) -> u32 {
    let digits = digits();
    u32::from_str_radix(&digits[..7], 16).unwrap_or(0) % end.max(1)
}

/// A random name in the form of a UUID.
pub fn uid() -> String {
    let digits = digits();
    let parts = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
    parts.join("-")
}
