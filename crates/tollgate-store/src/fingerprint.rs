//! A condition as bytes that no other condition has: what is kept for those who reach the same rows is found by them.

use crate::{Expr, Op, position};

impl Expr {
    /// As bytes, without loss. Conditions that mean the same may differ in theirs.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(64);
        self.put(&mut bytes);
        bytes
    }

    /// Each begins with its kind and ends where its parts end, so that nothing runs into what follows.
    fn put(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Compare(column, op, value) => {
                let op = match op {
                    Op::Eq => 0,
                    Op::Lt => 1,
                    Op::Lte => 2,
                    Op::Gt => 3,
                    Op::Gte => 4,
                };
                head(0, *column, bytes);
                bytes.push(op);
                position::put(value, bytes);
            }
            Self::In(column, values) => {
                head(1, *column, bytes);
                count(values.len(), bytes);
                for value in values {
                    position::put(value, bytes);
                }
            }
            Self::IsNull(column) => head(2, *column, bytes),
            Self::Contains(column, text) => with_text(3, *column, text, bytes),
            Self::StartsWith(column, text) => with_text(4, *column, text, bytes),
            Self::Has(column, text) => with_text(5, *column, text, bytes),
            Self::All(parts) => with_parts(6, parts, bytes),
            Self::Any(parts) => with_parts(7, parts, bytes),
            Self::Not(part) => {
                bytes.push(8);
                part.put(bytes);
            }
        }
    }
}

fn head(kind: u8, column: usize, bytes: &mut Vec<u8>) {
    bytes.push(kind);
    count(column, bytes);
}

fn count(number: usize, bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(&(number as u64).to_be_bytes());
}

fn with_text(kind: u8, column: usize, text: &str, bytes: &mut Vec<u8>) {
    head(kind, column, bytes);
    count(text.len(), bytes);
    bytes.extend_from_slice(text.as_bytes());
}

fn with_parts(kind: u8, parts: &[Expr], bytes: &mut Vec<u8>) {
    head(kind, parts.len(), bytes);
    for part in parts {
        part.put(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Value;

    #[test]
    fn no_two_conditions_have_the_same_bytes() {
        let text = |text: &str| Value::Text(text.to_owned().into());
        let leaves = || {
            (0..2).flat_map(|column| {
                [
                    Expr::Compare(column, Op::Eq, text("a")),
                    Expr::Compare(column, Op::Gt, text("a")),
                    Expr::Compare(column, Op::Eq, Value::Int(1)),
                    Expr::Compare(column, Op::Eq, Value::Null),
                    Expr::In(column, vec![text("a"), text("b")]),
                    Expr::In(column, vec![text("ab")]),
                    Expr::In(column, vec![]),
                    Expr::IsNull(column),
                    Expr::Contains(column, "a".into()),
                    Expr::StartsWith(column, "a".into()),
                    Expr::Has(column, "a".into()),
                ]
            })
        };
        let pairs = leaves().flat_map(|left| leaves().map(move |right| vec![left.clone(), right]));
        let (every, any): (Vec<_>, Vec<_>) = pairs.map(|pair| (Expr::All(pair.clone()), Expr::Any(pair))).unzip();
        let mut all: Vec<_> = leaves().chain([Expr::EVERY, Expr::NONE]).chain(every).chain(any).collect();
        all.extend(all.clone().into_iter().map(|part| Expr::Not(Box::new(part))));
        all.extend(leaves().map(|part| Expr::All(vec![Expr::All(vec![part.clone()]), part])));
        let count = all.len();
        let mut bytes: Vec<_> = all.iter().map(Expr::to_bytes).collect();
        bytes.sort_unstable();
        bytes.dedup();
        assert_eq!(bytes.len(), count);
    }
}
