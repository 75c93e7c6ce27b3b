//! The pages on which people prove who they are: one card with a form, as on the sign-in page.

use super::Link;
use serde::Serialize;

/// What such a page shows.
#[derive(Debug, Clone, Default, Serialize)]
pub struct GatePage {
    /// Its heading.
    pub title: String,
    /// What it is for, in a sentence or two.
    pub intro: String,
    /// Why the last try failed.
    pub error: Option<String>,
    /// What went well.
    pub notice: Option<String>,
    /// What an authenticator app scans or is told.
    pub scan: Option<Scan>,
    /// Codes to be written down.
    pub codes: Vec<String>,
    /// The forms; most pages have one.
    pub forms: Vec<GateForm>,
    /// Where else to go.
    pub links: Vec<Link>,
    /// What stands below the card.
    pub after: Option<String>,
}

impl GatePage {
    /// The template to fill.
    pub const TEMPLATE: &str = "gate.html";
}

/// A form of such a page.
#[derive(Debug, Clone, Default, Serialize)]
pub struct GateForm {
    /// Where it is sent.
    pub action: String,
    /// What is sent along.
    pub hidden: Vec<(&'static str, String)>,
    /// What is asked for.
    pub fields: Vec<GateField>,
    /// What its button says.
    pub button: String,
    /// Whether it is the lesser of two.
    pub lesser: bool,
}

/// A field of such a form.
#[derive(Debug, Clone, Serialize)]
pub struct GateField {
    /// Its name, unique in the page.
    pub name: &'static str,
    /// What it is called.
    pub label: &'static str,
    /// What goes in.
    pub kind: FieldKind,
    /// What helps to fill it.
    pub help: Option<String>,
}

/// What goes into a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FieldKind {
    /// An e-mail address.
    Email,
    /// The password until now.
    CurrentPassword,
    /// The password from now on.
    NewPassword,
    /// Six digits of an authenticator app.
    Code,
    /// A recovery code.
    RecoveryCode,
}

/// A QR code, and the same for those who cannot scan it.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Scan {
    /// The dark squares, as the path of an SVG.
    pub path: String,
    /// Its width and height in squares, with the margin around it.
    pub size: i32,
    /// The secret in groups of four letters.
    pub secret: String,
    /// The address that it stands for.
    pub address: String,
}

impl Scan {
    /// The QR code of an address. Nothing if it is too long for one.
    pub fn of(address: &str, secret: &str) -> Option<Self> {
        /// Readers need that many light squares around it (ISO/IEC 18004, 9.1).
        const MARGIN: i32 = 4;
        let code = qrcodegen::QrCode::encode_text(address, qrcodegen::QrCodeEcc::Medium).ok()?;
        let dark = (0..code.size()).flat_map(|y| (0..code.size()).map(move |x| (x, y)));
        let dark = dark.filter(|(x, y)| code.get_module(*x, *y));
        let path = dark.map(|(x, y)| format!("M{} {}h1v1h-1z", x + MARGIN, y + MARGIN)).collect();
        let groups: Vec<_> = secret.as_bytes().chunks(4).map(String::from_utf8_lossy).collect();
        Some(Self { path, size: code.size() + 2 * MARGIN, secret: groups.join(" "), address: address.to_owned() })
    }
}
