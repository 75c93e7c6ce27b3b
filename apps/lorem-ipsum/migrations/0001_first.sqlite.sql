CREATE TABLE "tollgate_values" (
  "name" TEXT /* text */ NOT NULL PRIMARY KEY,
  "value" TEXT /* text */ NOT NULL
) STRICT;
CREATE TABLE "tollgate_requests" (
  "id" TEXT /* text */ NOT NULL PRIMARY KEY,
  "asked" TEXT /* text */ NOT NULL,
  "answer" TEXT /* text */ NOT NULL,
  "forgotten" INTEGER /* time */ NOT NULL
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
  "user_id" BLOB /* uuid */ NOT NULL PRIMARY KEY,
  "name" TEXT /* text */ NOT NULL,
  "email" TEXT /* text */ NOT NULL,
  "password_hash" TEXT /* text */ NOT NULL,
  "roles" TEXT /* texts */ NOT NULL,
  "disabled" INTEGER /* bool */ NOT NULL,
  "second_factor" INTEGER /* bool */ NOT NULL,
  "demo" INTEGER /* bool */ NOT NULL,
  "created_at" INTEGER /* time */ NOT NULL,
  "updated_at" INTEGER /* time */ NOT NULL,
  "version" INTEGER /* int64 */ NOT NULL
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
  "key" TEXT /* text */ NOT NULL PRIMARY KEY,
  "material" TEXT /* text */ NOT NULL,
  "retired" INTEGER /* bool */ NOT NULL,
  "signs_from" INTEGER /* time */,
  "created_at" INTEGER /* time */ NOT NULL
) STRICT;
CREATE TABLE "auth_clients" (
  "client" TEXT /* text */ NOT NULL PRIMARY KEY,
  "name" TEXT /* text */ NOT NULL,
  "kind" TEXT /* text */ NOT NULL,
  "secret" TEXT /* text */,
  "redirect_uris" TEXT /* texts */ NOT NULL,
  "logout_uris" TEXT /* texts */ NOT NULL,
  "permissions" TEXT /* texts */ NOT NULL,
  "offline" INTEGER /* bool */ NOT NULL,
  "third_party" INTEGER /* bool */ NOT NULL,
  "added" INTEGER /* time */ NOT NULL,
  "updated_at" INTEGER /* time */ NOT NULL
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
  "family" TEXT /* text */ NOT NULL PRIMARY KEY,
  "subject" TEXT /* text */ NOT NULL,
  "client" TEXT /* text */ NOT NULL,
  "scope" TEXT /* text */ NOT NULL,
  "expires" INTEGER /* time */ NOT NULL,
  "dead" TEXT /* text */,
  "current" TEXT /* text */ NOT NULL,
  "retired" TEXT /* text */ NOT NULL,
  "version" INTEGER /* int64 */ NOT NULL
) STRICT;
CREATE INDEX "auth_refreshes_subject_idx" ON "auth_refreshes" ("subject");
CREATE INDEX "auth_refreshes_client_idx" ON "auth_refreshes" ("client");
CREATE INDEX "auth_refreshes_expires_idx" ON "auth_refreshes" ("expires");
CREATE TABLE "auth_revocations" (
  "revoked" TEXT /* text */ NOT NULL PRIMARY KEY,
  "kind" TEXT /* text */ NOT NULL,
  "name" TEXT /* text */ NOT NULL,
  "issued_until" INTEGER /* time */ NOT NULL,
  "remembered" INTEGER /* time */ NOT NULL,
  "written" INTEGER /* time */ NOT NULL
) STRICT;
CREATE INDEX "auth_revocations_remembered_idx" ON "auth_revocations" ("remembered");
CREATE INDEX "auth_revocations_written_idx" ON "auth_revocations" ("written");
CREATE TABLE "audit_events" (
  "event_id" INTEGER /* int64 */ NOT NULL PRIMARY KEY AUTOINCREMENT,
  "at" INTEGER /* time */ NOT NULL,
  "actor" TEXT /* text */ NOT NULL,
  "via" TEXT /* text */,
  "action" TEXT /* text */ NOT NULL,
  "resource" TEXT /* text */ NOT NULL,
  "row_id" TEXT /* text */,
  "allowed" INTEGER /* bool */ NOT NULL,
  "detail" TEXT /* text */,
  "address" TEXT /* text */,
  "request_id" TEXT /* text */
) STRICT;
CREATE INDEX "audit_events_at_idx" ON "audit_events" ("at");
CREATE INDEX "audit_events_actor_idx" ON "audit_events" ("actor");
CREATE INDEX "audit_events_resource_idx" ON "audit_events" ("resource");
CREATE INDEX "audit_events_row_id_idx" ON "audit_events" ("row_id");
CREATE TABLE "messages" (
  "message_id" TEXT /* object id */ NOT NULL PRIMARY KEY,
  "author" TEXT /* text */ NOT NULL,
  "text" TEXT /* text */ NOT NULL,
  "written" INTEGER /* time */ NOT NULL,
  "changed" INTEGER /* time */ NOT NULL,
  "version" INTEGER /* int32 */ NOT NULL
) STRICT;
CREATE INDEX "messages_author_idx" ON "messages" ("author");
CREATE TABLE "movies" (
  "movie_id" INTEGER /* int32 */ NOT NULL PRIMARY KEY,
  "title" TEXT /* text */ NOT NULL,
  "released" INTEGER /* int32 */ NOT NULL,
  "rating" REAL /* float */ NOT NULL
) STRICT;
CREATE INDEX "movies_released_idx" ON "movies" ("released");
