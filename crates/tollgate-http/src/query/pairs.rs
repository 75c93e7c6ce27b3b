//! Names and texts, as serde reads them: each text becomes what the field wants, where it wants a list also several.

use form_urlencoded::Parse;
use serde::{
    Deserializer,
    de::{Error as _, IntoDeserializer, Visitor, value},
    forward_to_deserialize_any,
};
use std::borrow::Cow;

pub(super) type Error = value::Error;

/// How a list is written.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Lists {
    /// `a=1,2`, in a query.
    Commas,
    /// `a=1&a=2`, as browsers send a form.
    Repeated,
}

/// Reads pairs; what a name has is together, where it stood first.
pub(super) fn deserializer<'a>(pairs: Parse<'a>, lists: Lists) -> impl Deserializer<'a, Error = Error> {
    let mut all: Vec<(Cow<'a, str>, Texts<'a>)> = vec![];
    for (name, text) in pairs {
        match all.iter_mut().find(|(known, _)| *known == name) {
            Some((_, texts)) => texts.more.push(text),
            None => all.push((name.clone(), Texts { name, first: text, more: vec![], lists })),
        }
    }
    value::MapDeserializer::new(all.into_iter())
}

/// What was sent under one name.
struct Texts<'a> {
    name: Cow<'a, str>,
    first: Cow<'a, str>,
    more: Vec<Cow<'a, str>>,
    lists: Lists,
}

impl<'a> Texts<'a> {
    fn one(self) -> Result<Cow<'a, str>, Error> {
        // As serde says it of a field of JSON.
        let twice = || Error::custom(format_args!("duplicate field `{}`", self.name));
        if self.more.is_empty() { Ok(self.first) } else { Err(twice()) }
    }

    fn all(self) -> Result<Vec<Self>, Error> {
        let (name, lists) = (self.name.clone(), self.lists);
        let texts = match lists {
            Lists::Repeated => [self.first].into_iter().chain(self.more).collect(),
            Lists::Commas => match self.one()? {
                text if text.is_empty() => vec![],
                text => text.split(',').map(|text| Cow::Owned(text.to_owned())).collect(),
            },
        };
        let item = |first: Cow<'a, str>| Self { name: name.clone(), first, more: vec![], lists };
        Ok(texts.into_iter().map(item).collect())
    }
}

impl<'a> IntoDeserializer<'a> for Texts<'a> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

macro_rules! parsed {
    ($($method:ident: $ty:ty => $visit:ident),+ $(,)?) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            visitor.$visit(self.one()?.parse::<$ty>().map_err(Error::custom)?)
        }
    )+};
}

impl<'de> Deserializer<'de> for Texts<'de> {
    type Error = Error;

    parsed! {
        deserialize_bool: bool => visit_bool,
        deserialize_i8: i8 => visit_i8,
        deserialize_i16: i16 => visit_i16,
        deserialize_i32: i32 => visit_i32,
        deserialize_i64: i64 => visit_i64,
        deserialize_u8: u8 => visit_u8,
        deserialize_u16: u16 => visit_u16,
        deserialize_u32: u32 => visit_u32,
        deserialize_u64: u64 => visit_u64,
        deserialize_f32: f32 => visit_f32,
        deserialize_f64: f64 => visit_f64,
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.one()?.into_deserializer().deserialize_any(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        value::SeqDeserializer::new(self.all()?.into_iter()).deserialize_seq(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.one()?.into_deserializer().deserialize_enum(name, variants, visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        i128 u128 char str string bytes byte_buf unit unit_struct tuple tuple_struct map struct identifier
    }
}
