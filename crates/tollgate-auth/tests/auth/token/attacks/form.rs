//! Attacks on the form: bytes that two readers could read in two ways.

use super::{World, with};
use crate::token::world::Dice;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use serde_json::json;

pub(super) fn segments(world: &World, dice: &mut Dice) -> Vec<u8> {
    let token = String::from_utf8(world.signer.good(dice.roll())).unwrap();
    let parts: Vec<_> = token.split('.').collect();
    let (h, c, s) = (parts[0], parts[1], parts[2]);
    let cut = 1 + dice.below(s.len() - 1);
    let forms = [
        format!("{h}.{c}"),
        format!("{h}.{c}."),
        format!("{h}..{s}"),
        format!(".{c}.{s}"),
        format!("{h}.{c}.{s}."),
        format!(".{h}.{c}.{s}"),
        format!("{h}.{c}.{s}.{s}"),
        format!("{h}.{c}.{c}.{s}"),
        format!("{h}.{c}.{s}.{h}.{c}"),
        format!("{c}.{h}.{s}"),
        format!("{h}.{s}.{c}"),
        format!("{s}.{c}.{h}"),
        format!("{h}.{h}.{s}"),
        format!("{h}.{c}.{}", &s[..cut]),
        format!("{h}.{c}.{s}{s}"),
        format!("Bearer {token}"),
        format!("{token}\n"),
        format!(" {token}"),
        format!("{token}\0"),
        format!("{h}{c}{s}"),
        "..".into(),
        String::new(),
    ];
    dice.pick(&forms).clone().into_bytes()
}

pub(super) fn flip(world: &World, dice: &mut Dice, part: usize) -> Vec<u8> {
    let mut token = world.signer.good(dice.roll());
    let dots: Vec<_> = token.iter().enumerate().filter(|(_, byte)| **byte == b'.').map(|(at, _)| at).collect();
    let (from, to) = [(0, dots[0]), (dots[0] + 1, dots[1]), (dots[1] + 1, token.len())][part];
    token[from + dice.below(to - from)] ^= 1 << dice.below(8);
    token
}

/// The bytes mean the same to a lenient decoder, and the signature is right for these very bytes.
pub(super) fn base64_forms(world: &World, dice: &mut Dice) -> Vec<u8> {
    let spare = |text: &str, dice: &mut Dice| {
        const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let spare_bits = [0, 0, 4, 2][text.len() % 4];
        let (rest, last) = text.split_at(text.len() - 1);
        let value = ALPHABET.iter().position(|c| *c == last.as_bytes()[0]).unwrap();
        let other =
            if spare_bits == 0 { return format!("{text}=") } else { value | (1 + dice.below((1 << spare_bits) - 1)) };
        format!("{rest}{}", ALPHABET[other] as char)
    };
    let odd = |text: &str, dice: &mut Dice| match dice.below(6) {
        0 => format!("{text}="),
        1 => format!("{text}=="),
        2 => spare(text, dice),
        3 => format!("{} {}", &text[..5], &text[5..]),
        4 => format!("{}\r\n{}", &text[..9], &text[9..]),
        _ => format!("{}+/{}", &text[..8], &text[8..]),
    };
    let (mut header, mut claims) =
        (BASE64.encode(world.signer.header().to_string()), BASE64.encode(world.signer.claims(dice.roll()).to_string()));
    match dice.below(3) {
        0 => header = odd(&header, dice),
        1 => claims = odd(&claims, dice),
        _ => {
            let token = String::from_utf8(world.signer.signed(&format!("{header}.{claims}"))).unwrap();
            let (message, signature) = token.rsplit_once('.').unwrap();
            return format!("{message}.{}", odd(signature, dice)).into_bytes();
        }
    }
    world.signer.signed(&format!("{header}.{claims}"))
}

pub(super) fn duplicates(world: &World, dice: &mut Dice) -> Vec<u8> {
    let (header, claims) = (world.signer.header().to_string(), world.signer.claims(dice.roll()).to_string());
    let again = |object: &str, extra: &str, front: bool| {
        let inner = &object[1..object.len() - 1];
        if front { format!("{{{extra},{inner}}}") } else { format!("{{{inner},{extra}}}") }
    };
    let front = dice.below(2) == 0;
    let claim =
        *dice.pick(&["iss", "sub", "aud", "exp", "iat", "nbf", "jti", "scope", "roles", "\\u0073ub", "su\\u0062"]);
    let member = *dice.pick(&["alg", "typ", "kid", "\\u0061lg"]);
    match dice.below(4) {
        0 => world.signer.token_of(again(&header, &format!("\"{member}\":\"x\""), front).as_bytes(), claims.as_bytes()),
        1 => world.signer.token_of(header.as_bytes(), again(&claims, "\"deep\":{\"a\":1,\"a\":2}", front).as_bytes()),
        2 => world
            .signer
            .token_of(header.as_bytes(), again(&claims, "\"list\":[{\"a\":1,\"b\":0,\"a\":1}]", front).as_bytes()),
        _ => world.signer.token_of(header.as_bytes(), again(&claims, &format!("\"{claim}\":\"x\""), front).as_bytes()),
    }
}

pub(super) fn oversized(world: &World, dice: &mut Dice) -> Vec<u8> {
    let length = 6200 + dice.below(3000);
    match dice.below(2) {
        0 => {
            world.signer.token(&world.signer.header(), &with(world.signer.claims(1), "fill", json!(dice.word(length))))
        }
        _ => {
            world.signer.token(&with(world.signer.header(), "fill", json!(dice.word(length))), &world.signer.claims(1))
        }
    }
}

pub(super) fn shapes(world: &World, dice: &mut Dice) -> Vec<u8> {
    let (header, claims) = (world.signer.header().to_string(), world.signer.claims(dice.roll()).to_string());
    let deep = format!("{}{}", "[".repeat(16), "]".repeat(16));
    let twist = |object: &str, dice: &mut Dice| -> Vec<u8> {
        match dice.below(10) {
            0 => format!("[{object}]").into(),
            1 => format!("{object}{object}").into(),
            2 => format!("\u{feff}{object}").into(),
            3 => serde_json::to_string(object).unwrap().into(),
            4 => b"null".to_vec(),
            5 => object.replace('}', ",}").into(),
            6 => object.replace('"', "'").into(),
            7 => object.replacen('{', &format!("{{\"deep\":{deep},"), 1).into(),
            8 => object.replacen('{', "{\"n\":1e999,", 1).into(),
            _ => [b"{\"x\":\"\xff\",", &object.as_bytes()[1..]].concat(),
        }
    };
    match dice.below(3) {
        0 => world.signer.token_of(&twist(&header, dice), claims.as_bytes()),
        1 => world.signer.token_of(header.as_bytes(), &twist(&claims, dice)),
        _ => {
            let name = *dice.pick(&["sub", "scope", "roles", "entitlements", "jti"]);
            let value = dice.pick(&[json!(1), json!(null), json!([1]), json!({"a": "b"}), json!([null])]).clone();
            world.signer.token(&world.signer.header(), &with(world.signer.claims(1), name, value))
        }
    }
}
