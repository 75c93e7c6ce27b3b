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
CREATE TABLE "users" (
  "user_id" BLOB /* uuid */ NOT NULL PRIMARY KEY,
  "name" TEXT /* text */ NOT NULL,
  "email" TEXT /* text */ NOT NULL,
  "password_hash" TEXT /* text */ NOT NULL,
  "roles" TEXT /* texts */ NOT NULL,
  "disabled" INTEGER /* bool */ NOT NULL,
  "second_factor" INTEGER /* bool */ NOT NULL,
  "demo" INTEGER /* bool */ NOT NULL,
  "void_before" INTEGER /* int64 */ NOT NULL,
  "created_at" INTEGER /* time */ NOT NULL,
  "updated_at" INTEGER /* time */ NOT NULL,
  "version" INTEGER /* int64 */ NOT NULL
) STRICT;
CREATE UNIQUE INDEX "users_email_key" ON "users" ("email");
CREATE TABLE "api_keys" (
  "key_id" TEXT /* text */ NOT NULL PRIMARY KEY,
  "name" TEXT /* text */ NOT NULL,
  "subject" TEXT /* text */ NOT NULL,
  "scopes" TEXT /* texts */ NOT NULL,
  "expires" INTEGER /* time */,
  "creator" TEXT /* text */ NOT NULL,
  "created" INTEGER /* time */ NOT NULL,
  "last_used" INTEGER /* time */,
  "hash" TEXT /* text */ NOT NULL
) STRICT;
CREATE INDEX "api_keys_subject_idx" ON "api_keys" ("subject");
CREATE INDEX "api_keys_creator_idx" ON "api_keys" ("creator");
CREATE TABLE "auth_sessions" (
  "session" TEXT /* text */ NOT NULL PRIMARY KEY,
  "user_id" BLOB /* uuid */ NOT NULL,
  "user_version" INTEGER /* int64 */ NOT NULL,
  "expires" INTEGER /* time */ NOT NULL,
  "methods" TEXT /* text */,
  "signed_in" INTEGER /* time */ NOT NULL,
  "address" TEXT /* text */,
  "browser" TEXT /* text */,
  "gave_until" INTEGER /* time */
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
  "consent" TEXT /* text */ NOT NULL PRIMARY KEY,
  "user_id" BLOB /* uuid */ NOT NULL,
  "client" TEXT /* text */ NOT NULL,
  "scope" TEXT /* text */ NOT NULL,
  "grant_id" TEXT /* text */ NOT NULL,
  "given" INTEGER /* time */ NOT NULL,
  "updated_at" INTEGER /* time */ NOT NULL
) STRICT;
CREATE INDEX "auth_consents_user_id_idx" ON "auth_consents" ("user_id");
CREATE INDEX "auth_consents_client_idx" ON "auth_consents" ("client");
CREATE TABLE "auth_codes" (
  "code" TEXT /* text */ NOT NULL PRIMARY KEY,
  "client" TEXT /* text */ NOT NULL,
  "redirect_uri" TEXT /* text */ NOT NULL,
  "challenge" TEXT /* text */ NOT NULL,
  "user_id" BLOB /* uuid */ NOT NULL,
  "user_version" INTEGER /* int64 */ NOT NULL,
  "under" TEXT /* text */ NOT NULL,
  "signed_in" INTEGER /* time */ NOT NULL,
  "methods" TEXT /* text */,
  "scope" TEXT /* text */ NOT NULL,
  "nonce" TEXT /* text */,
  "expires" INTEGER /* time */ NOT NULL,
  "forgotten" INTEGER /* time */ NOT NULL,
  "token" TEXT /* text */,
  "family" TEXT /* text */
) STRICT;
CREATE INDEX "auth_codes_user_id_idx" ON "auth_codes" ("user_id");
CREATE INDEX "auth_codes_forgotten_idx" ON "auth_codes" ("forgotten");
CREATE TABLE "auth_refreshes" (
  "family" TEXT /* text */ NOT NULL PRIMARY KEY,
  "subject" TEXT /* text */ NOT NULL,
  "user_version" INTEGER /* int64 */ NOT NULL,
  "under" TEXT /* text */ NOT NULL,
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
  "given_to" TEXT /* text */,
  "up_to" INTEGER /* int64 */ NOT NULL,
  "remembered" INTEGER /* time */ NOT NULL,
  "written" INTEGER /* time */ NOT NULL
) STRICT;
CREATE INDEX "auth_revocations_given_to_idx" ON "auth_revocations" ("given_to");
CREATE INDEX "auth_revocations_remembered_idx" ON "auth_revocations" ("remembered");
CREATE INDEX "auth_revocations_written_idx" ON "auth_revocations" ("written");
CREATE TABLE "auth_second_factors" (
  "user_id" BLOB /* uuid */ NOT NULL PRIMARY KEY,
  "secret" TEXT /* text */ NOT NULL,
  "last_step" INTEGER /* int64 */ NOT NULL,
  "recovery" TEXT /* texts */ NOT NULL,
  "created_at" INTEGER /* time */ NOT NULL,
  "version" INTEGER /* int64 */ NOT NULL
) STRICT;
CREATE TABLE "auth_tries" (
  "try_id" BLOB /* uuid */ NOT NULL PRIMARY KEY,
  "bucket" TEXT /* text */ NOT NULL,
  "until" INTEGER /* time */ NOT NULL
) STRICT;
CREATE INDEX "auth_tries_bucket_idx" ON "auth_tries" ("bucket");
CREATE INDEX "auth_tries_until_idx" ON "auth_tries" ("until");
CREATE TABLE "auth_turns" (
  "turn" TEXT /* text */ NOT NULL PRIMARY KEY,
  "taken" INTEGER /* time */ NOT NULL,
  "version" INTEGER /* int64 */ NOT NULL
) STRICT;
CREATE TABLE "auth_links" (
  "link" TEXT /* text */ NOT NULL PRIMARY KEY,
  "user_id" BLOB /* uuid */ NOT NULL,
  "user_version" INTEGER /* int64 */ NOT NULL,
  "expires" INTEGER /* time */ NOT NULL
) STRICT;
CREATE INDEX "auth_links_user_id_idx" ON "auth_links" ("user_id");
CREATE INDEX "auth_links_expires_idx" ON "auth_links" ("expires");
CREATE TABLE "provider_people" (
  "person_id" TEXT /* text */ NOT NULL PRIMARY KEY,
  "issuer" TEXT /* text */ NOT NULL,
  "name" TEXT /* text */,
  "email" TEXT /* text */,
  "roles" TEXT /* texts */ NOT NULL,
  "disabled" INTEGER /* bool */ NOT NULL,
  "signed_out" INTEGER /* time */,
  "created_at" INTEGER /* time */ NOT NULL,
  "updated_at" INTEGER /* time */ NOT NULL
) STRICT;
CREATE INDEX "provider_people_issuer_idx" ON "provider_people" ("issuer");
CREATE INDEX "provider_people_signed_out_idx" ON "provider_people" ("signed_out");
CREATE TABLE "provider_sessions" (
  "session" TEXT /* text */ NOT NULL PRIMARY KEY,
  "person_id" TEXT /* text */ NOT NULL,
  "expires" INTEGER /* time */ NOT NULL,
  "signed_in" INTEGER /* time */ NOT NULL,
  "address" TEXT /* text */,
  "browser" TEXT /* text */,
  "signed_out" INTEGER /* time */
) STRICT;
CREATE INDEX "provider_sessions_person_id_idx" ON "provider_sessions" ("person_id");
CREATE INDEX "provider_sessions_expires_idx" ON "provider_sessions" ("expires");
CREATE TABLE "alerts" (
  "alert_id" BLOB /* uuid */ NOT NULL PRIMARY KEY,
  "patient_id" TEXT /* text */ NOT NULL,
  "clinician" TEXT /* text */ NOT NULL,
  "rule" TEXT /* text */ NOT NULL,
  "level" INTEGER /* int32 */ NOT NULL,
  "value" REAL /* float */ NOT NULL,
  "opened" INTEGER /* time */ NOT NULL,
  "closed" INTEGER /* time */,
  "told" INTEGER /* time */
) STRICT;
CREATE INDEX "alerts_patient_id_idx" ON "alerts" ("patient_id");
CREATE INDEX "alerts_clinician_idx" ON "alerts" ("clinician");
CREATE INDEX "alerts_opened_idx" ON "alerts" ("opened");
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
CREATE TABLE "book_pages" (
  "page_id" BLOB /* uuid */ NOT NULL PRIMARY KEY,
  "book_id" INTEGER /* int64 */ NOT NULL,
  "number" INTEGER /* int32 */ NOT NULL,
  "text" TEXT /* text */ NOT NULL
) STRICT;
CREATE INDEX "book_pages_book_id_idx" ON "book_pages" ("book_id");
CREATE TABLE "books" (
  "book_id" INTEGER /* int64 */ NOT NULL PRIMARY KEY AUTOINCREMENT,
  "owner" TEXT /* text */ NOT NULL,
  "author" TEXT /* text */ NOT NULL,
  "title" TEXT /* text */ NOT NULL,
  "pages" INTEGER /* int32 */ NOT NULL,
  "added" INTEGER /* time */ NOT NULL,
  "changed" INTEGER /* time */ NOT NULL,
  "version" INTEGER /* int32 */ NOT NULL
) STRICT;
CREATE INDEX "books_owner_idx" ON "books" ("owner");
CREATE INDEX "books_pages_idx" ON "books" ("pages");
CREATE TABLE "cases" (
  "patient_id" TEXT /* text */ NOT NULL PRIMARY KEY,
  "clinician" TEXT /* text */ NOT NULL,
  "place" TEXT /* text */ NOT NULL,
  "began" INTEGER /* time */ NOT NULL
) STRICT;
CREATE INDEX "cases_clinician_idx" ON "cases" ("clinician");
CREATE INDEX "cases_began_idx" ON "cases" ("began");
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
CREATE TABLE "observations" (
  "observation_id" INTEGER /* int64 */ NOT NULL PRIMARY KEY AUTOINCREMENT,
  "patient_id" TEXT /* text */ NOT NULL,
  "clinician" TEXT /* text */ NOT NULL,
  "at" INTEGER /* time */ NOT NULL,
  "place" TEXT /* text */ NOT NULL,
  "temperature" REAL /* float */,
  "heart_rate" INTEGER /* int32 */,
  "systolic" INTEGER /* int32 */,
  "diastolic" INTEGER /* int32 */,
  "spo2" INTEGER /* int32 */,
  "symptoms" TEXT /* texts */ NOT NULL
) STRICT;
CREATE INDEX "observations_patient_id_idx" ON "observations" ("patient_id");
CREATE INDEX "observations_clinician_idx" ON "observations" ("clinician");
CREATE INDEX "observations_at_idx" ON "observations" ("at");
CREATE TABLE "patients" (
  "patient_id" TEXT /* text */ NOT NULL PRIMARY KEY,
  "clinician" TEXT /* text */ NOT NULL,
  "name" TEXT /* text */ NOT NULL,
  "born" INTEGER /* int32 */ NOT NULL,
  "place" TEXT /* text */ NOT NULL,
  "discharged" INTEGER /* time */,
  "level" INTEGER /* int32 */ NOT NULL,
  "temperature" REAL /* float */,
  "heart_rate" INTEGER /* int32 */,
  "systolic" INTEGER /* int32 */,
  "diastolic" INTEGER /* int32 */,
  "spo2" INTEGER /* int32 */,
  "seen" INTEGER /* time */
) STRICT;
CREATE INDEX "patients_clinician_idx" ON "patients" ("clinician");
CREATE INDEX "patients_place_idx" ON "patients" ("place");
CREATE INDEX "patients_discharged_idx" ON "patients" ("discharged");
CREATE TABLE "words" (
  "word" TEXT /* text */ NOT NULL PRIMARY KEY,
  "count" INTEGER /* int64 */ NOT NULL
) STRICT;
CREATE INDEX "words_count_idx" ON "words" ("count");
CREATE TABLE "tollgate_changes" (
  "change_id" INTEGER /* int64 */ NOT NULL PRIMARY KEY AUTOINCREMENT,
  "at" INTEGER /* time */ NOT NULL,
  "resource" TEXT /* text */ NOT NULL,
  "columns" TEXT /* text */ NOT NULL,
  "rows" TEXT /* text */ NOT NULL
) STRICT;
CREATE INDEX "tollgate_changes_at_idx" ON "tollgate_changes" ("at");
