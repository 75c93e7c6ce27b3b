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
  "roles" text[] NOT NULL,
  "disabled" bool NOT NULL,
  "second_factor" bool NOT NULL,
  "demo" bool NOT NULL,
  "void_before" int8 NOT NULL,
  "created_at" timestamptz NOT NULL,
  "updated_at" timestamptz NOT NULL,
  "version" int8 NOT NULL
);
CREATE UNIQUE INDEX "users_email_key" ON "users" ("email");
CREATE TABLE "api_keys" (
  "key_id" text COLLATE "C" NOT NULL PRIMARY KEY,
  "name" text COLLATE "C" NOT NULL,
  "subject" text COLLATE "C" NOT NULL,
  "scopes" text[] NOT NULL,
  "expires" timestamptz,
  "creator" text COLLATE "C" NOT NULL,
  "created" timestamptz NOT NULL,
  "last_used" timestamptz,
  "hash" text COLLATE "C" NOT NULL
);
CREATE INDEX "api_keys_subject_idx" ON "api_keys" ("subject");
CREATE INDEX "api_keys_creator_idx" ON "api_keys" ("creator");
CREATE TABLE "auth_sessions" (
  "session" text COLLATE "C" NOT NULL PRIMARY KEY,
  "user_id" uuid NOT NULL,
  "user_version" int8 NOT NULL,
  "expires" timestamptz NOT NULL,
  "methods" text COLLATE "C",
  "signed_in" timestamptz NOT NULL,
  "address" text COLLATE "C",
  "browser" text COLLATE "C",
  "gave_until" timestamptz
);
CREATE INDEX "auth_sessions_user_id_idx" ON "auth_sessions" ("user_id");
CREATE INDEX "auth_sessions_expires_idx" ON "auth_sessions" ("expires");
CREATE TABLE "auth_keys" (
  "key" text COLLATE "C" NOT NULL PRIMARY KEY,
  "material" text COLLATE "C" NOT NULL,
  "retired" bool NOT NULL,
  "signs_from" timestamptz,
  "created_at" timestamptz NOT NULL
);
CREATE TABLE "auth_clients" (
  "client" text COLLATE "C" NOT NULL PRIMARY KEY,
  "name" text COLLATE "C" NOT NULL,
  "kind" text COLLATE "C" NOT NULL,
  "secret" text COLLATE "C",
  "redirect_uris" text[] NOT NULL,
  "logout_uris" text[] NOT NULL,
  "permissions" text[] NOT NULL,
  "offline" bool NOT NULL,
  "third_party" bool NOT NULL,
  "added" timestamptz NOT NULL,
  "updated_at" timestamptz NOT NULL
);
CREATE TABLE "auth_consents" (
  "consent" text COLLATE "C" NOT NULL PRIMARY KEY,
  "user_id" uuid NOT NULL,
  "client" text COLLATE "C" NOT NULL,
  "scope" text COLLATE "C" NOT NULL,
  "grant_id" text COLLATE "C" NOT NULL,
  "given" timestamptz NOT NULL,
  "updated_at" timestamptz NOT NULL
);
CREATE INDEX "auth_consents_user_id_idx" ON "auth_consents" ("user_id");
CREATE INDEX "auth_consents_client_idx" ON "auth_consents" ("client");
CREATE TABLE "auth_codes" (
  "code" text COLLATE "C" NOT NULL PRIMARY KEY,
  "client" text COLLATE "C" NOT NULL,
  "redirect_uri" text COLLATE "C" NOT NULL,
  "challenge" text COLLATE "C" NOT NULL,
  "user_id" uuid NOT NULL,
  "user_version" int8 NOT NULL,
  "under" text COLLATE "C" NOT NULL,
  "signed_in" timestamptz NOT NULL,
  "methods" text COLLATE "C",
  "scope" text COLLATE "C" NOT NULL,
  "nonce" text COLLATE "C",
  "expires" timestamptz NOT NULL,
  "forgotten" timestamptz NOT NULL,
  "token" text COLLATE "C",
  "family" text COLLATE "C"
);
CREATE INDEX "auth_codes_user_id_idx" ON "auth_codes" ("user_id");
CREATE INDEX "auth_codes_forgotten_idx" ON "auth_codes" ("forgotten");
CREATE TABLE "auth_refreshes" (
  "family" text COLLATE "C" NOT NULL PRIMARY KEY,
  "subject" text COLLATE "C" NOT NULL,
  "user_version" int8 NOT NULL,
  "under" text COLLATE "C" NOT NULL,
  "client" text COLLATE "C" NOT NULL,
  "scope" text COLLATE "C" NOT NULL,
  "expires" timestamptz NOT NULL,
  "dead" text COLLATE "C",
  "current" text COLLATE "C" NOT NULL,
  "retired" text COLLATE "C" NOT NULL,
  "version" int8 NOT NULL
);
CREATE INDEX "auth_refreshes_subject_idx" ON "auth_refreshes" ("subject");
CREATE INDEX "auth_refreshes_client_idx" ON "auth_refreshes" ("client");
CREATE INDEX "auth_refreshes_expires_idx" ON "auth_refreshes" ("expires");
CREATE TABLE "auth_revocations" (
  "revoked" text COLLATE "C" NOT NULL PRIMARY KEY,
  "kind" text COLLATE "C" NOT NULL,
  "name" text COLLATE "C" NOT NULL,
  "given_to" text COLLATE "C",
  "up_to" int8 NOT NULL,
  "remembered" timestamptz NOT NULL,
  "written" timestamptz NOT NULL
);
CREATE INDEX "auth_revocations_given_to_idx" ON "auth_revocations" ("given_to" NULLS FIRST);
CREATE INDEX "auth_revocations_remembered_idx" ON "auth_revocations" ("remembered");
CREATE INDEX "auth_revocations_written_idx" ON "auth_revocations" ("written");
CREATE TABLE "auth_second_factors" (
  "user_id" uuid NOT NULL PRIMARY KEY,
  "secret" text COLLATE "C" NOT NULL,
  "last_step" int8 NOT NULL,
  "recovery" text[] NOT NULL,
  "created_at" timestamptz NOT NULL,
  "version" int8 NOT NULL
);
CREATE TABLE "auth_tries" (
  "try_id" uuid NOT NULL PRIMARY KEY,
  "bucket" text COLLATE "C" NOT NULL,
  "until" timestamptz NOT NULL
);
CREATE INDEX "auth_tries_bucket_idx" ON "auth_tries" ("bucket");
CREATE INDEX "auth_tries_until_idx" ON "auth_tries" ("until");
CREATE TABLE "auth_turns" (
  "turn" text COLLATE "C" NOT NULL PRIMARY KEY,
  "taken" timestamptz NOT NULL,
  "version" int8 NOT NULL
);
CREATE TABLE "auth_links" (
  "link" text COLLATE "C" NOT NULL PRIMARY KEY,
  "user_id" uuid NOT NULL,
  "user_version" int8 NOT NULL,
  "expires" timestamptz NOT NULL
);
CREATE INDEX "auth_links_user_id_idx" ON "auth_links" ("user_id");
CREATE INDEX "auth_links_expires_idx" ON "auth_links" ("expires");
CREATE TABLE "provider_people" (
  "person_id" text COLLATE "C" NOT NULL PRIMARY KEY,
  "issuer" text COLLATE "C" NOT NULL,
  "name" text COLLATE "C",
  "email" text COLLATE "C",
  "roles" text[] NOT NULL,
  "disabled" bool NOT NULL,
  "signed_out" timestamptz,
  "created_at" timestamptz NOT NULL,
  "updated_at" timestamptz NOT NULL
);
CREATE INDEX "provider_people_issuer_idx" ON "provider_people" ("issuer");
CREATE INDEX "provider_people_signed_out_idx" ON "provider_people" ("signed_out" NULLS FIRST);
CREATE TABLE "provider_sessions" (
  "session" text COLLATE "C" NOT NULL PRIMARY KEY,
  "person_id" text COLLATE "C" NOT NULL,
  "expires" timestamptz NOT NULL,
  "signed_in" timestamptz NOT NULL,
  "address" text COLLATE "C",
  "browser" text COLLATE "C",
  "signed_out" timestamptz
);
CREATE INDEX "provider_sessions_person_id_idx" ON "provider_sessions" ("person_id");
CREATE INDEX "provider_sessions_expires_idx" ON "provider_sessions" ("expires");
CREATE TABLE "alerts" (
  "alert_id" uuid NOT NULL PRIMARY KEY,
  "patient_id" text COLLATE "C" NOT NULL,
  "clinician" text COLLATE "C" NOT NULL,
  "rule" text COLLATE "C" NOT NULL,
  "level" int4 NOT NULL,
  "value" float8 NOT NULL,
  "opened" timestamptz NOT NULL,
  "closed" timestamptz,
  "told" timestamptz
);
CREATE INDEX "alerts_patient_id_idx" ON "alerts" ("patient_id");
CREATE INDEX "alerts_clinician_idx" ON "alerts" ("clinician");
CREATE INDEX "alerts_opened_idx" ON "alerts" ("opened");
CREATE TABLE "audit_events" (
  "event_id" int8 NOT NULL PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY,
  "at" timestamptz NOT NULL,
  "actor" text COLLATE "C" NOT NULL,
  "via" text COLLATE "C",
  "action" text COLLATE "C" NOT NULL,
  "resource" text COLLATE "C" NOT NULL,
  "row_id" text COLLATE "C",
  "allowed" bool NOT NULL,
  "detail" text COLLATE "C",
  "address" text COLLATE "C",
  "request_id" text COLLATE "C"
);
CREATE INDEX "audit_events_at_idx" ON "audit_events" ("at");
CREATE INDEX "audit_events_actor_idx" ON "audit_events" ("actor");
CREATE INDEX "audit_events_resource_idx" ON "audit_events" ("resource");
CREATE INDEX "audit_events_row_id_idx" ON "audit_events" ("row_id" NULLS FIRST);
CREATE TABLE "book_pages" (
  "page_id" uuid NOT NULL PRIMARY KEY,
  "book_id" int8 NOT NULL,
  "number" int4 NOT NULL,
  "text" text COLLATE "C" NOT NULL
);
CREATE INDEX "book_pages_book_id_idx" ON "book_pages" ("book_id");
CREATE TABLE "books" (
  "book_id" int8 NOT NULL PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY,
  "owner" text COLLATE "C" NOT NULL,
  "author" text COLLATE "C" NOT NULL,
  "title" text COLLATE "C" NOT NULL,
  "pages" int4 NOT NULL,
  "added" timestamptz NOT NULL,
  "changed" timestamptz NOT NULL,
  "version" int4 NOT NULL
);
CREATE INDEX "books_owner_idx" ON "books" ("owner");
CREATE INDEX "books_pages_idx" ON "books" ("pages");
CREATE TABLE "cases" (
  "patient_id" text COLLATE "C" NOT NULL PRIMARY KEY,
  "clinician" text COLLATE "C" NOT NULL,
  "place" text COLLATE "C" NOT NULL,
  "began" timestamptz NOT NULL
);
CREATE INDEX "cases_clinician_idx" ON "cases" ("clinician");
CREATE INDEX "cases_began_idx" ON "cases" ("began");
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
CREATE TABLE "observations" (
  "observation_id" int8 NOT NULL PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY,
  "patient_id" text COLLATE "C" NOT NULL,
  "clinician" text COLLATE "C" NOT NULL,
  "at" timestamptz NOT NULL,
  "place" text COLLATE "C" NOT NULL,
  "temperature" float8,
  "heart_rate" int4,
  "systolic" int4,
  "diastolic" int4,
  "spo2" int4,
  "symptoms" text[] NOT NULL
);
CREATE INDEX "observations_patient_id_idx" ON "observations" ("patient_id");
CREATE INDEX "observations_clinician_idx" ON "observations" ("clinician");
CREATE INDEX "observations_at_idx" ON "observations" ("at");
CREATE TABLE "patients" (
  "patient_id" text COLLATE "C" NOT NULL PRIMARY KEY,
  "clinician" text COLLATE "C" NOT NULL,
  "name" text COLLATE "C" NOT NULL,
  "born" int4 NOT NULL,
  "place" text COLLATE "C" NOT NULL,
  "discharged" timestamptz,
  "level" int4 NOT NULL,
  "temperature" float8,
  "heart_rate" int4,
  "systolic" int4,
  "diastolic" int4,
  "spo2" int4,
  "seen" timestamptz
);
CREATE INDEX "patients_clinician_idx" ON "patients" ("clinician");
CREATE INDEX "patients_place_idx" ON "patients" ("place");
CREATE INDEX "patients_discharged_idx" ON "patients" ("discharged" NULLS FIRST);
CREATE TABLE "words" (
  "word" text COLLATE "C" NOT NULL PRIMARY KEY,
  "count" int8 NOT NULL
);
CREATE INDEX "words_count_idx" ON "words" ("count");
CREATE TABLE "tollgate_changes" (
  "change_id" int8 NOT NULL PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY,
  "at" timestamptz NOT NULL,
  "resource" text COLLATE "C" NOT NULL,
  "columns" text COLLATE "C" NOT NULL,
  "rows" text COLLATE "C" NOT NULL
);
CREATE INDEX "tollgate_changes_at_idx" ON "tollgate_changes" ("at");
