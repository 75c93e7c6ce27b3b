CREATE TABLE "tollgate_values" (
  "name" text COLLATE "C" NOT NULL PRIMARY KEY,
  "value" text COLLATE "C" NOT NULL
);
CREATE TABLE "tollgate_requests" (
  "id" text COLLATE "C" NOT NULL PRIMARY KEY,
  "asked" text COLLATE "C" NOT NULL,
  "answer" text COLLATE "C" NOT NULL,
  "forgotten" timestamptz NOT NULL
);
CREATE INDEX "tollgate_requests_forgotten_idx" ON "tollgate_requests" ("forgotten");
CREATE TABLE "users" (
  "user_id" uuid NOT NULL PRIMARY KEY,
  "name" text COLLATE "C" NOT NULL,
  "email" text COLLATE "C" NOT NULL,
  "password_hash" text COLLATE "C" NOT NULL,
  "roles" text COLLATE "C" NOT NULL,
  "disabled" bool NOT NULL,
  "demo" bool NOT NULL,
  "created_at" timestamptz NOT NULL,
  "updated_at" timestamptz NOT NULL,
  "version" int8 NOT NULL
);
CREATE UNIQUE INDEX "users_email_key" ON "users" ("email");
CREATE TABLE "auth_sessions" (
  "session" text COLLATE "C" NOT NULL PRIMARY KEY,
  "user_id" uuid NOT NULL,
  "expires" timestamptz NOT NULL,
  "signed_in" timestamptz NOT NULL
);
CREATE INDEX "auth_sessions_user_id_idx" ON "auth_sessions" ("user_id");
CREATE INDEX "auth_sessions_expires_idx" ON "auth_sessions" ("expires");
CREATE TABLE "auth_keys" (
  "key" text COLLATE "C" NOT NULL PRIMARY KEY,
  "material" text COLLATE "C" NOT NULL,
  "retired" bool NOT NULL,
  "created_at" timestamptz NOT NULL
);
CREATE TABLE "auth_codes" (
  "code" text COLLATE "C" NOT NULL PRIMARY KEY,
  "client" text COLLATE "C" NOT NULL,
  "redirect_uri" text COLLATE "C" NOT NULL,
  "challenge" text COLLATE "C" NOT NULL,
  "user_id" uuid NOT NULL,
  "signed_in" timestamptz NOT NULL,
  "scope" text COLLATE "C" NOT NULL,
  "nonce" text COLLATE "C",
  "expires" timestamptz NOT NULL,
  "forgotten" timestamptz NOT NULL,
  "token" text COLLATE "C",
  "family" text COLLATE "C"
);
CREATE INDEX "auth_codes_forgotten_idx" ON "auth_codes" ("forgotten");
CREATE TABLE "auth_refreshes" (
  "family" text COLLATE "C" NOT NULL PRIMARY KEY,
  "subject" text COLLATE "C" NOT NULL,
  "client" text COLLATE "C" NOT NULL,
  "scope" text COLLATE "C" NOT NULL,
  "expires" timestamptz NOT NULL,
  "dead" text COLLATE "C",
  "current" text COLLATE "C" NOT NULL,
  "retired" text COLLATE "C" NOT NULL,
  "version" int8 NOT NULL
);
CREATE INDEX "auth_refreshes_subject_idx" ON "auth_refreshes" ("subject");
CREATE INDEX "auth_refreshes_expires_idx" ON "auth_refreshes" ("expires");
CREATE TABLE "messages" (
  "message_id" text COLLATE "C" NOT NULL PRIMARY KEY,
  "author" text COLLATE "C" NOT NULL,
  "text" text COLLATE "C" NOT NULL,
  "written" timestamptz NOT NULL,
  "changed" timestamptz NOT NULL,
  "version" int4 NOT NULL
);
CREATE INDEX "messages_author_idx" ON "messages" ("author");
CREATE TABLE "movies" (
  "movie_id" int4 NOT NULL PRIMARY KEY,
  "title" text COLLATE "C" NOT NULL,
  "released" int4 NOT NULL,
  "rating" float8 NOT NULL
);
CREATE INDEX "movies_released_idx" ON "movies" ("released");
