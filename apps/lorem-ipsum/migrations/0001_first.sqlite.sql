CREATE TABLE "tollgate_values" (
  "name" TEXT NOT NULL PRIMARY KEY,
  "value" TEXT NOT NULL
) STRICT;
CREATE TABLE "tollgate_requests" (
  "id" TEXT NOT NULL PRIMARY KEY,
  "asked" TEXT NOT NULL,
  "answer" TEXT NOT NULL,
  "forgotten" INTEGER NOT NULL
) STRICT;
CREATE INDEX "tollgate_requests_forgotten_idx" ON "tollgate_requests" ("forgotten");
CREATE TABLE "api_keys" (
  "key_id" TEXT NOT NULL PRIMARY KEY,
  "name" TEXT NOT NULL,
  "subject" TEXT NOT NULL,
  "scopes" TEXT NOT NULL,
  "expires" INTEGER,
  "creator" TEXT NOT NULL,
  "created" INTEGER NOT NULL,
  "last_used" INTEGER,
  "hash" TEXT NOT NULL
) STRICT;
CREATE INDEX "api_keys_subject_idx" ON "api_keys" ("subject");
CREATE INDEX "api_keys_creator_idx" ON "api_keys" ("creator");
CREATE TABLE "users" (
  "user_id" BLOB NOT NULL PRIMARY KEY,
  "name" TEXT NOT NULL,
  "email" TEXT NOT NULL,
  "password_hash" TEXT NOT NULL,
  "roles" TEXT NOT NULL,
  "disabled" INTEGER NOT NULL,
  "second_factor" INTEGER NOT NULL,
  "demo" INTEGER NOT NULL,
  "created_at" INTEGER NOT NULL,
  "updated_at" INTEGER NOT NULL,
  "version" INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX "users_email_key" ON "users" ("email");
CREATE TABLE "auth_sessions" (
  "session" TEXT NOT NULL PRIMARY KEY,
  "user_id" BLOB NOT NULL,
  "expires" INTEGER NOT NULL,
  "methods" TEXT,
  "signed_in" INTEGER NOT NULL,
  "address" TEXT,
  "browser" TEXT
) STRICT;
CREATE INDEX "auth_sessions_user_id_idx" ON "auth_sessions" ("user_id");
CREATE INDEX "auth_sessions_expires_idx" ON "auth_sessions" ("expires");
CREATE TABLE "auth_keys" (
  "key" TEXT NOT NULL PRIMARY KEY,
  "material" TEXT NOT NULL,
  "retired" INTEGER NOT NULL,
  "signs_from" INTEGER,
  "created_at" INTEGER NOT NULL
) STRICT;
CREATE TABLE "auth_clients" (
  "client" TEXT NOT NULL PRIMARY KEY,
  "name" TEXT NOT NULL,
  "kind" TEXT NOT NULL,
  "secret" TEXT,
  "redirect_uris" TEXT NOT NULL,
  "logout_uris" TEXT NOT NULL,
  "permissions" TEXT NOT NULL,
  "offline" INTEGER NOT NULL,
  "third_party" INTEGER NOT NULL,
  "added" INTEGER NOT NULL,
  "updated_at" INTEGER NOT NULL
) STRICT;
CREATE TABLE "auth_consents" (
  "consent" TEXT NOT NULL PRIMARY KEY,
  "user_id" BLOB NOT NULL,
  "client" TEXT NOT NULL,
  "scope" TEXT NOT NULL,
  "grant_id" TEXT NOT NULL,
  "given" INTEGER NOT NULL,
  "updated_at" INTEGER NOT NULL
) STRICT;
CREATE INDEX "auth_consents_user_id_idx" ON "auth_consents" ("user_id");
CREATE INDEX "auth_consents_client_idx" ON "auth_consents" ("client");
CREATE TABLE "auth_codes" (
  "code" TEXT NOT NULL PRIMARY KEY,
  "client" TEXT NOT NULL,
  "redirect_uri" TEXT NOT NULL,
  "challenge" TEXT NOT NULL,
  "user_id" BLOB NOT NULL,
  "signed_in" INTEGER NOT NULL,
  "methods" TEXT,
  "scope" TEXT NOT NULL,
  "nonce" TEXT,
  "expires" INTEGER NOT NULL,
  "forgotten" INTEGER NOT NULL,
  "token" TEXT,
  "family" TEXT
) STRICT;
CREATE INDEX "auth_codes_forgotten_idx" ON "auth_codes" ("forgotten");
CREATE TABLE "auth_refreshes" (
  "family" TEXT NOT NULL PRIMARY KEY,
  "subject" TEXT NOT NULL,
  "client" TEXT NOT NULL,
  "scope" TEXT NOT NULL,
  "expires" INTEGER NOT NULL,
  "dead" TEXT,
  "current" TEXT NOT NULL,
  "retired" TEXT NOT NULL,
  "version" INTEGER NOT NULL
) STRICT;
CREATE INDEX "auth_refreshes_subject_idx" ON "auth_refreshes" ("subject");
CREATE INDEX "auth_refreshes_client_idx" ON "auth_refreshes" ("client");
CREATE INDEX "auth_refreshes_expires_idx" ON "auth_refreshes" ("expires");
CREATE TABLE "auth_revocations" (
  "revoked" TEXT NOT NULL PRIMARY KEY,
  "kind" TEXT NOT NULL,
  "name" TEXT NOT NULL,
  "issued_until" INTEGER NOT NULL,
  "remembered" INTEGER NOT NULL,
  "written" INTEGER NOT NULL
) STRICT;
CREATE INDEX "auth_revocations_remembered_idx" ON "auth_revocations" ("remembered");
CREATE INDEX "auth_revocations_written_idx" ON "auth_revocations" ("written");
CREATE TABLE "provider_people" (
  "person_id" TEXT NOT NULL PRIMARY KEY,
  "issuer" TEXT NOT NULL,
  "name" TEXT,
  "email" TEXT,
  "roles" TEXT NOT NULL,
  "disabled" INTEGER NOT NULL,
  "created_at" INTEGER NOT NULL,
  "updated_at" INTEGER NOT NULL
) STRICT;
CREATE INDEX "provider_people_issuer_idx" ON "provider_people" ("issuer");
CREATE TABLE "provider_sessions" (
  "session" TEXT NOT NULL PRIMARY KEY,
  "person_id" TEXT NOT NULL,
  "expires" INTEGER NOT NULL,
  "signed_in" INTEGER NOT NULL
) STRICT;
CREATE INDEX "provider_sessions_person_id_idx" ON "provider_sessions" ("person_id");
CREATE INDEX "provider_sessions_expires_idx" ON "provider_sessions" ("expires");
CREATE TABLE "audit_events" (
  "event_id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  "at" INTEGER NOT NULL,
  "actor" TEXT NOT NULL,
  "via" TEXT,
  "action" TEXT NOT NULL,
  "resource" TEXT NOT NULL,
  "row_id" TEXT,
  "allowed" INTEGER NOT NULL,
  "detail" TEXT,
  "address" TEXT,
  "request_id" TEXT
) STRICT;
CREATE INDEX "audit_events_at_idx" ON "audit_events" ("at");
CREATE INDEX "audit_events_actor_idx" ON "audit_events" ("actor");
CREATE INDEX "audit_events_resource_idx" ON "audit_events" ("resource");
CREATE INDEX "audit_events_row_id_idx" ON "audit_events" ("row_id");
CREATE TABLE "messages" (
  "message_id" TEXT NOT NULL PRIMARY KEY,
  "author" TEXT NOT NULL,
  "text" TEXT NOT NULL,
  "written" INTEGER NOT NULL,
  "changed" INTEGER NOT NULL,
  "version" INTEGER NOT NULL
) STRICT;
CREATE INDEX "messages_author_idx" ON "messages" ("author");
CREATE TABLE "movies" (
  "movie_id" INTEGER NOT NULL PRIMARY KEY,
  "title" TEXT NOT NULL,
  "released" INTEGER NOT NULL,
  "rating" REAL NOT NULL
) STRICT;
CREATE INDEX "movies_released_idx" ON "movies" ("released");
