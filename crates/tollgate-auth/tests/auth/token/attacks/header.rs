//! Attacks through the header: other algorithms, other keys, other meanings.

use super::{World, join, with, without};
use crate::token::world::{Dice, mac};
use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use serde_json::json;

pub(super) fn alg_none(world: &World, dice: &mut Dice) -> Vec<u8> {
    let cased: String = "none".chars().map(|c| if dice.below(2) == 0 { c.to_ascii_uppercase() } else { c }).collect();
    let names =
        [json!(cased), json!(""), json!(null), json!(0), json!(["none"]), json!(" none"), json!("rs256"), json!({})];
    let header = match dice.below(9) {
        8 => without(world.signer.header(), "alg"),
        n => with(world.signer.header(), "alg", names[n].clone()),
    };
    let claims = world.signer.claims(dice.roll());
    match dice.below(3) {
        0 => join(&header, &claims, b""),
        1 => join(&header, &claims, dice.word(64).as_bytes()),
        _ => world.signer.token(&header, &claims),
    }
}

pub(super) fn hmac_with_public_key(world: &World, dice: &mut Dice) -> Vec<u8> {
    let public = world.signer.pair.public_bytes();
    let secrets = [
        public.clone(),
        BASE64.encode(&public).into_bytes(),
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", BASE64.encode(&public)).into_bytes(),
        if world.signer.algorithm.is_symmetric() {
            b"secret".to_vec()
        } else {
            world.signer.pair.jwk("k1").to_string().into()
        },
        b"k1".to_vec(),
        world.signer.name.clone().into_bytes(),
        dice.word(32).into_bytes(),
        vec![0; 32],
    ];
    let (name, hash) =
        *dice.pick(&[("HS256", hmac::HMAC_SHA256), ("HS384", hmac::HMAC_SHA384), ("HS512", hmac::HMAC_SHA512)]);
    let (header, claims) = (with(world.signer.header(), "alg", json!(name)), world.signer.claims(dice.roll()));
    let message = format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()));
    let secret = dice.pick(&secrets);
    join(&header, &claims, &mac(hash, if secret.is_empty() { b"x" } else { secret }, message.as_bytes()))
}

pub(super) fn foreign_key(world: &World, dice: &mut Dice) -> Vec<u8> {
    let other = match dice.below(2) {
        0 => &world.twin,
        _ => dice.pick(&world.others),
    };
    let header = if dice.below(2) == 0 { other.header() } else { world.signer.header() };
    let header = if dice.below(3) == 0 { without(header, "kid") } else { header };
    other.token(&header, &world.signer.claims(dice.roll()))
}

pub(super) fn kid_injection(world: &World, dice: &mut Dice) -> Vec<u8> {
    let kids = [
        json!("../../../../dev/null"),
        json!("' OR '1'='1"),
        json!("k1' UNION SELECT 'x"),
        json!("k1\u{0}"),
        json!("k1\n"),
        json!("K1"),
        json!(" k1"),
        json!(""),
        json!("https://evil.example/k1"),
        json!("$(id)"),
        json!(dice.word(2000)),
        json!(null),
        json!(1),
        json!(["k1"]),
        json!({"kid": "k1"}),
        json!("ｋ1"),
        json!(format!("k1{}", dice.word(3))),
    ];
    world.signer.token(&with(world.signer.header(), "kid", dice.pick(&kids).clone()), &world.signer.claims(dice.roll()))
}

pub(super) fn wrong_type(world: &World, dice: &mut Dice) -> Vec<u8> {
    let random = dice.word(6);
    let types = [
        json!("dpop+jwt"),
        json!("logout+jwt"),
        json!("secevent+jwt"),
        json!("token-introspection+jwt"),
        json!("application/jwt"),
        json!("at+jwt "),
        json!("JWT\u{0}"),
        json!("JWS"),
        json!("JOSE"),
        json!(""),
        json!(null),
        json!(["JWT"]),
        json!(1),
        json!(random),
    ];
    world
        .signer
        .token(&with(world.signer.header(), "typ", dice.pick(&types).clone()), &world.signer.claims(dice.roll()))
}

pub(super) fn meaning(world: &World, dice: &mut Dice) -> Vec<u8> {
    let values =
        [json!(["exp"]), json!([]), json!(false), json!(true), json!("DEF"), json!(null), json!(["b64"]), json!({})];
    let header =
        with(world.signer.header(), dice.pick::<&str>(&["crit", "zip", "b64", "enc"]), dice.pick(&values).clone());
    world.signer.token(&header, &world.signer.claims(dice.roll()))
}

pub(super) fn key_use(world: &World, dice: &mut Dice) -> Vec<u8> {
    let (kid, pair) = dice.pick(&world.unfit);
    let (header, claims) = (with(world.signer.header(), "kid", json!(kid)), world.signer.claims(dice.roll()));
    let message = format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()));
    join(&header, &claims, &pair.sign(message.as_bytes()))
}

pub(super) fn embedded(world: &World, dice: &mut Dice) -> Vec<u8> {
    let pair = &world.unfit[0].1;
    let url = json!(format!("https://evil.example/{}", dice.word(8)));
    let header = match dice.below(4) {
        0 => with(world.signer.header(), "jwk", pair.jwk("k1")),
        1 => with(world.signer.header(), "jku", url),
        2 => with(world.signer.header(), "x5u", url),
        _ => with(world.signer.header(), "x5c", json!([BASE64.encode(pair.public_bytes())])),
    };
    let header = if dice.below(2) == 0 { with(header, "kid", json!("evil")) } else { header };
    let claims = world.signer.claims(dice.roll());
    let message = format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()));
    join(&header, &claims, &pair.sign(message.as_bytes()))
}
