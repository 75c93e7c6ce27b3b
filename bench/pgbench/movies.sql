\set id random(1, 10000)
SELECT movie_id, title, released, rating FROM peer.movies WHERE movie_id = :id;
