//! Attacks with claims that the issuer really signed, but not for us, for now, or for this.

use super::{World, with, without};
use crate::token::world::{Dice, NOW};
use serde_json::json;

pub(super) fn times(world: &World, dice: &mut Dice) -> Vec<u8> {
    let claims = world.signer.claims(dice.roll());
    let far = dice.roll() % 1_000_000;
    let claims = match dice.below(8) {
        0 => with(claims, "exp", json!(NOW - 30)),
        1 => with(claims, "exp", json!(NOW - 31 - far)),
        2 => with(claims, "nbf", json!(NOW + 31)),
        3 => with(claims, "iat", json!(NOW + 31)),
        4 => with(claims, "nbf", json!(NOW + 31 + far)),
        5 => without(claims, "exp"),
        6 => with(claims, "iat", json!(NOW + 25)).as_object().map(|c| with(json!(c), "exp", json!(NOW + 20))).unwrap(),
        _ => {
            let odd = [
                json!(null),
                json!(""),
                json!((NOW + 600).to_string()),
                json!(1_800_000_000.5),
                json!(-1),
                json!(0),
                json!(u64::MAX),
                json!(253_402_300_800_u64),
                json!(1e300),
                json!([NOW]),
                json!(true),
                json!({}),
            ];
            with(claims, dice.pick::<&str>(&["exp", "nbf", "iat"]), dice.pick(&odd).clone())
        }
    };
    world.signer.token(&world.signer.header(), &claims)
}

pub(super) fn audience(world: &World, dice: &mut Dice) -> Vec<u8> {
    let (claims, random) = (world.signer.claims(dice.roll()), dice.word(3));
    let odd = [
        json!(null),
        json!(""),
        json!([]),
        json!([""]),
        json!([null]),
        json!(["api", null]),
        json!([["api"]]),
        json!({"api": true}),
        json!(true),
        json!("API"),
        json!("api "),
        json!("api,other"),
        json!("api other"),
        json!("api\u{0}"),
        json!("*"),
        json!(format!("api{random}")),
        json!([random, "other"]),
    ];
    match dice.below(8) {
        0 => world.signer.token(&world.signer.header(), &without(claims, "aud")),
        _ => world.signer.token(&world.signer.header(), &with(claims, "aud", dice.pick(&odd).clone())),
    }
}

pub(super) fn issuer(world: &World, dice: &mut Dice) -> Vec<u8> {
    let (claims, name) = (world.signer.claims(dice.roll()), world.signer.name.as_str());
    let odd = [
        json!(null),
        json!(""),
        json!([name]),
        json!(format!("{name}/")),
        json!(format!("{name}:443")),
        json!(format!("{name}.evil.example")),
        json!(format!(" {name}")),
        json!(format!("{name}\u{0}")),
        json!(format!("{name}#")),
        json!(name.to_uppercase()),
        json!(name.replace("https", "http")),
        json!(name.replace("one", "оne")),
        json!({"iss": name}),
        json!(1),
        json!(dice.word(12)),
    ];
    match dice.below(8) {
        0 => world.signer.token(&world.signer.header(), &without(claims, "iss")),
        _ => world.signer.token(&world.signer.header(), &with(claims, "iss", dice.pick(&odd).clone())),
    }
}

pub(super) fn kinds(world: &World, dice: &mut Dice) -> Vec<u8> {
    let name = *dice.pick(&["nonce", "at_hash", "c_hash", "s_hash", "events", "cnf"]);
    let value = dice.pick(&[json!("x"), json!(null), json!({"jkt": "x"}), json!({})]).clone();
    world.signer.token(&world.signer.header(), &with(world.signer.claims(dice.roll()), name, value))
}
