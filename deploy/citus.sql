-- Spreads a library over the nodes of a Citus cluster, by server (Citus 12 or newer).
--
-- Run it once, as the owner of the database, after article-bot has made its tables and before
-- there is much in them:
--
--     psql "$DATABASE_URL" -f citus.sql
--
-- UNTESTED: no Citus was at hand. What is tested is what it rests on: the scope is the first
-- column of every key, and every query of a question or a change names it
-- (tests/index_side/test_distribution.py). Not spread are the tables that a library of more than
-- 10,000 sentences gets for its vectors, nor the workers' jobs, of which any worker takes the oldest:
-- they stay on the coordinator. The daily cleaning and /privacy ask every node.

CREATE EXTENSION IF NOT EXISTS citus;

SELECT create_distributed_table('scopes', 'scope');
SELECT create_distributed_table('articles', 'scope', colocate_with => 'scopes');
SELECT create_distributed_table('versions', 'scope', colocate_with => 'scopes');
SELECT create_distributed_table('checks', 'scope', colocate_with => 'scopes');
SELECT create_distributed_table('feeds', 'scope', colocate_with => 'scopes');
SELECT create_distributed_table('vectors', 'scope', colocate_with => 'scopes');
SELECT create_distributed_table('preferences', 'scope', colocate_with => 'scopes');
SELECT create_distributed_table('answers', 'scope', colocate_with => 'scopes');
SELECT create_distributed_table('feedback', 'scope', colocate_with => 'scopes');
SELECT create_distributed_table('golden', 'scope', colocate_with => 'scopes');
SELECT create_distributed_table('counters', 'scope', colocate_with => 'scopes');
SELECT create_distributed_table('generations', 'scope', colocate_with => 'scopes');
SELECT create_distributed_table('live', 'scope', colocate_with => 'scopes');
SELECT create_distributed_table('embeddings', 'scope', colocate_with => 'scopes');
SELECT create_distributed_table('postings', 'scope', colocate_with => 'scopes');
