//! What indexes and rules are called, in scripts that are run years later.

/// The name of an index on a column. One that is too long for PostgreSQL, which would cut it, and take it for that of
/// another index, ends in a hash of the whole.
pub fn index_name(table: &str, column: &str, unique: bool) -> String {
    short(format!("{table}_{column}_{}", if unique { "key" } else { "idx" }))
}

/// The name of the rule that a column holds one of its choices.
pub fn choices_name(table: &str, column: &str) -> String {
    short(format!("{table}_{column}_choice"))
}

fn short(name: String) -> String {
    if name.len() <= LONGEST_NAME {
        return name;
    }
    let kept = &name[..name.floor_char_boundary(LONGEST_NAME - 17)];
    format!("{kept}_{:016x}", fnv1a(&name))
}

/// In bytes.
const LONGEST_NAME: usize = 63;

/// The hash of that name (FNV-1a, 64 bits): the same in every version, as names in scripts have to be.
fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_too_long_to_be_told_apart_end_in_a_hash() {
        assert_eq!(index_name("films", "title", true), "films_title_key");
        let long = "a_column_with_a_name_that_says_much_more_than_is_needed_to_say";
        let (one, other) =
            (index_name("films", &format!("{long}_1"), false), index_name("films", &format!("{long}_2"), false));
        assert_eq!((one.len(), other.len()), (63, 63));
        assert_ne!(one, other);
        assert_eq!(one, index_name("films", &format!("{long}_1"), false));
        assert!(index_name("f", &"é".repeat(40), true).len() <= 63);
        assert_eq!(fnv1a("a"), 0xaf63_dc4c_8601_ec8c, "as everybody computes it");
    }
}
