ALTER TABLE "movies" ADD COLUMN "director" text COLLATE "C";
