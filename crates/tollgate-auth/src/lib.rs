//! Who is calling? Tokens, sign-in, the embedded issuer
