//! `numeric` in PostgreSQL's binary format: digits of base 10,000, and how many decimals.

use bytes::{BufMut, BytesMut};

const BASE: u128 = 10_000;
const NEGATIVE: u16 = 0x4000;

/// Writes so many units, of which `10^scale` are one.
#[expect(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "30 digits of ten, 4 of them in one")]
pub(crate) fn write(units: i64, scale: u8, out: &mut BytesMut) {
    // The decimals fill whole digits of base 10,000.
    let filled = scale.next_multiple_of(4);
    let mut rest = u128::from(units.unsigned_abs()) * 10_u128.pow((filled - scale).into());
    let mut digits = vec![];
    while rest > 0 {
        digits.push((rest % BASE) as u16);
        rest /= BASE;
    }
    out.put_u16(digits.len() as u16);
    out.put_i16(digits.len() as i16 - i16::from(filled / 4) - 1);
    out.put_u16(if units < 0 { NEGATIVE } else { 0 });
    out.put_u16(scale.into());
    for digit in digits.into_iter().rev() {
        out.put_u16(digit);
    }
}

/// The units of a number, in its own number of decimals; `None` if they are too many, or it is none.
pub(crate) fn read(raw: &[u8]) -> Option<i64> {
    let fields: Vec<u16> = raw.as_chunks().0.iter().copied().map(u16::from_be_bytes).collect();
    let (&[count, weight, sign, scale], digits) = fields.split_first_chunk()?;
    if digits.len() != usize::from(count) || ![0, NEGATIVE].contains(&sign) {
        return None;
    }
    let mut units = 0_i128;
    for (index, digit) in (0_i32..).zip(digits) {
        let exponent = (i32::from(weight.cast_signed()) - index) * 4 + i32::from(scale);
        let digit = i128::from(*digit);
        units += match u32::try_from(exponent) {
            Ok(exponent) => digit.checked_mul(10_i128.checked_pow(exponent)?)?,
            // Behind the last decimal there is nothing.
            Err(_) => digit / 10_i128.checked_pow(exponent.unsigned_abs())?,
        };
    }
    i64::try_from(if sign == NEGATIVE { -units } else { units }).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for scale in 0..=15 {
            for units in [0, 1, 9, 10, 9999, 10_000, 10_001, 123_456_789_012_345, 999_999_999_999_999] {
                for units in [units, -units] {
                    let mut out = BytesMut::new();
                    write(units, scale, &mut out);
                    assert_eq!(read(&out), Some(units), "{units} with {scale} decimals");
                }
            }
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        let nan = [0, 0, 0, 0, 0xC0, 0, 0, 0];
        assert_eq!((read(&nan), read(&[]), read(&nan[..6])), (None, None, None));
        let huge = [0, 1, 0, 9, 0, 0, 0, 0, 0, 1];
        assert_eq!(read(&huge), None, "10^36");
    }
}
